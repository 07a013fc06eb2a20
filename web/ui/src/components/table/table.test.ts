import { describe, expect, test } from "vitest";

import { type Column, direction, nextSort, shownColumns } from "./columns";
import { pagesOf } from "./pages";

const column = (key: string, more: Partial<Column<string>> = {}): Column<string> => ({
  key,
  title: key,
  width: 1,
  render: (row) => row,
  ...more,
});

describe("columns", () => {
  const columns = [
    column("identity", { isFixed: true }),
    column("state", { isNarrow: true }),
    column("route"),
    column("tags", { isShown: false }),
  ];
  const keys = (chosen: string | undefined, isNarrow = false) =>
    shownColumns(columns, chosen, isNarrow).map((one) => one.key);

  test("are the usual ones, the few of a phone, or those that were chosen", () => {
    expect(keys(undefined)).toEqual(["identity", "state", "route"]);
    expect(keys(undefined, true)).toEqual(["identity", "state"]);
    expect(keys("tags,nothing", true)).toEqual(["identity", "tags"]);
    expect(keys("none")).toEqual(["identity"]);
  });

  test("sort one way, the other way, and as at first", () => {
    const since = column("since", { sort: "since" });
    expect(nextSort(since, "identity")).toBe("since");
    expect(nextSort(since, "since")).toBe("-since");
    expect(nextSort(since, "-since")).toBeUndefined();
    expect(nextSort(column("route", { sort: "route", isOneWay: true }), "route")).toBeUndefined();
    expect([undefined, "since", "-since"].map((sort) => direction(since, sort))).toEqual([
      "none",
      "ascending",
      "descending",
    ]);
    expect(direction(column("name"), "since")).toBeUndefined();
  });
});

test("a list is asked for by the pages that are on the screen", () => {
  expect(pagesOf(0, 1)).toEqual([0]);
  expect(pagesOf(90, 110)).toEqual([0, 1]);
  expect(pagesOf(99_950, 100_000)).toEqual([999]);
});
