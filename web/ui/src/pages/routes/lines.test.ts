import { expect, test } from "vitest";

import { rangeOfLine } from "./lines";

test("a line is found by its number", () => {
  const text = "one\ntwo\n\nfour";
  expect([1, 2, 3, 4].map((line) => text.slice(...rangeOfLine(text, line)))).toEqual([
    "one",
    "two",
    "",
    "four",
  ]);
  expect(text.slice(...rangeOfLine(text, 9))).toBe("four");
});
