import { expect, test } from "vitest";

import { address, segmentsOf, stationAddress } from "./location";

test("an identity is the same after it was in an address, whatever signs it has", () => {
  expect(segmentsOf(`${stationAddress("a/b% c?#")}/commands`)).toEqual(["stations", "a/b% c?#", "commands"]);
  expect(segmentsOf("/stations/100%")).toEqual(["stations", "100%"]);
});

test("an address names what is said, and nothing else", () => {
  expect(address("/stations", { q: "", sort: undefined })).toBe("/stations");
  expect(address("/stations", { q: "a b", sort: "-since" })).toBe("/stations?q=a+b&sort=-since");
});
