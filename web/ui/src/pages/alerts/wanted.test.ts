import { expect, test } from "vitest";

import { isEverything, literally, wantedMute } from "./wanted";

test("patterns are those between commas, and nothing is all", () => {
  const form = {
    events: " backendAway, ,back* ",
    stations: "",
    backends: ",",
    seconds: "",
    reason: " works ",
  };
  expect(wantedMute(form)).toEqual({
    events: ["backendAway", "back*"],
    stations: ["*"],
    backends: ["*"],
    seconds: null,
    reason: "works",
  });
  expect(isEverything(wantedMute(form))).toBe(false);
  expect(isEverything(wantedMute({ ...form, events: "" }))).toBe(true);
  expect(isEverything(wantedMute({ ...form, events: "*", stations: "CP-1" }))).toBe(false);
  expect(wantedMute({ ...form, seconds: "3600" }).seconds).toBe(3600);
});

test("an identity with signs of patterns means itself alone", () => {
  expect(literally("CP[1]*?")).toBe("CP[[]1][*][?]");
  expect(literally("DEPOT-7")).toBe("DEPOT-7");
});
