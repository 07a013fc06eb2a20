import { expect, test } from "vitest";

import { ended, failed, mean } from "./numbers";

test("mean and share are of all calls that ended, however they did", () => {
  const calls = { results: 6, errors: 1, unanswered: 1, seconds: 0.4 };
  expect([ended(calls), mean(calls), failed(calls)]).toEqual([8, 50, 25]);
});

test("where no call ended there is neither mean nor share", () => {
  const none = { results: 0, errors: 0, unanswered: 0, seconds: 0 };
  expect([ended(none), mean(none), failed(none)]).toEqual([0, null, null]);
});
