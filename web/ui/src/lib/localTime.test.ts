import { expect, test } from "vitest";

import { fromLocal, toLocal } from "./localTime";

test("a time is the same after it was in a field, to the minute or the second", () => {
  expect(fromLocal(toLocal("2026-03-05T07:04:00.000Z"))).toBe("2026-03-05T07:04:00Z");
  expect(fromLocal(toLocal("2026-03-05T07:04:05Z", "second"))).toBe("2026-03-05T07:04:05Z");
  expect(toLocal("2026-03-05T07:04:59.900Z")).toMatch(/^2026-03-0[456]T\d\d:\d\d$/);
});

test("a year that is being typed is not taken away", () => {
  expect(toLocal(fromLocal("0002-03-05T07:04"))).toBe("0002-03-05T07:04");
});

test("no time is none", () => {
  expect(toLocal(null)).toBe("");
  expect(toLocal("never")).toBe("");
  expect(fromLocal("")).toBeNull();
  expect(fromLocal("yesterday")).toBeNull();
});
