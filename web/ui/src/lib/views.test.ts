import { expect, test } from "vitest";

import { isSame, parsed, removed, renamed, saved } from "./views";

const away = { name: "Away", search: "connected=false" };
const north = { name: "North", search: "q=N-" };

test("a view is saved under its name, in place of the one before", () => {
  expect(saved([north], away)).toEqual([away, north]);
  expect(saved([away, north], { ...away, search: "" })).toEqual([{ ...away, search: "" }, north]);
});

test("a view is renamed and removed; one that is not there is not", () => {
  expect(renamed([away, north], "Away", "Zero")).toEqual([north, { ...away, name: "Zero" }]);
  expect(renamed([away, north], "Away", "North")).toEqual([{ ...away, name: "North" }]);
  expect(renamed([away], "Nothing", "Zero")).toEqual([away]);
  expect(removed([away, north], "Away")).toEqual([north]);
});

test("what a browser has kept is read as far as it is whole", () => {
  expect(parsed(null)).toEqual({});
  expect(parsed("{")).toEqual({});
  expect(parsed("null")).toEqual({});
  expect(parsed(JSON.stringify({ "/stations": [away, 1, {}], "/x": 2 }))).toEqual({
    "/stations": [away],
    "/x": [],
  });
});

test("the order of what an address says does not matter", () => {
  expect(isSame("a=1&b=2", "b=2&a=1")).toBe(true);
  expect(isSame("a=1", "a=2")).toBe(false);
});
