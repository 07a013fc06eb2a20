import { expect, it } from "vitest";

import { madeBy, progressOf } from "./jobs";

it("says how far a job has come", () => {
  const counts = { waiting: 3, sent: 1, done: 4, failed: 1, unanswered: 1 };
  expect(progressOf({ stations: 10, counts })).toEqual({
    total: 10,
    done: 4,
    failed: 2,
    waiting: 3,
  });
  expect(progressOf({ stations: 2, counts: {} })).toMatchObject({ done: 0, failed: 0 });
});

it("is made by somebody", () => {
  expect(madeBy({ by: "api:the-operator" })).toBe("the-operator");
});
