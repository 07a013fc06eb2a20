import { expect, test } from "vitest";

import { moment } from "./query";

test("a time of the viewer's zone is asked for in UTC; what is none is not asked for", () => {
  expect(moment("2026-11-22T08:00")).toBe(new Date(2026, 10, 22, 8, 0).toISOString());
  expect(moment(undefined)).toBeUndefined();
  expect(moment("yesterday")).toBeUndefined();
});
