import { describe, expect, test } from "vitest";

import { Format } from "./format";

const en = new Format("en", "Europe/Berlin");
const de = new Format("de", "Europe/Berlin");

describe("times", () => {
  const now = Date.parse("2026-11-22T20:00:00Z");

  test("are of the viewer's zone", () => {
    expect(en.time("2026-11-22T13:05:09Z")).toBe("14:05:09");
    expect(de.time("2026-11-22T13:05:09Z")).toBe("14:05:09");
  });

  test("have their day when they are not of today", () => {
    expect(en.short("2026-11-22T13:05:09Z", now)).toBe("14:05:09");
    expect(en.short("2026-11-20T13:05:09Z", now)).toContain("20 Nov");
    expect(en.short("2036-01-01T12:00:00Z", now)).toBe("1 Jan 2036");
  });

  test("are days where the time of day does not matter", () => {
    expect(en.date("2026-11-20T23:30:00Z")).toBe("21 Nov 2026");
    expect(de.date("2026-11-20T23:30:00Z")).toBe("21.11.2026");
  });

  test("are those of another place, too, where its clocks show another time", () => {
    const at = "2026-11-22T13:05:09Z";
    expect(en.there(at, "America/New_York")).toBe("08:05 GMT-5");
    expect(de.there(at, "America/New_York")).toContain("08:05");
    expect(en.there(at, "Europe/Berlin")).toBe("");
    expect(en.there(at, "Atlantis/Poseidonis")).toBe("");
  });

  test("say how long ago they are", () => {
    expect(en.ago("2026-11-22T19:57:00Z", now)).toMatch(/^3 min/);
    expect(de.ago("2026-11-20T19:57:00Z", now)).toBe("vorgestern");
    expect(en.ago("2026-11-22T20:00:00Z", now)).toBe("now");
  });

  test("are whole with their zone, and in UTC", () => {
    expect(en.whole("2026-11-22T13:05:09Z")).toContain("2026-11-22T13:05:09.000Z");
  });
});

describe("numbers", () => {
  test.each([
    [0, "0 s"],
    [59.6, "1 min"],
    [3600, "1 h"],
    [12_000, "3 h 20 min"],
    [86_400 * 2 + 3600 * 4, "2 d 4 h"],
    [-5, "0 s"],
  ])("a duration of %d s is %s", (seconds, text) => expect(en.duration(seconds)).toBe(text));

  test("have units that fit", () => {
    expect(en.energy(940)).toBe("940 Wh");
    expect(en.energy(12_400)).toBe("12.4 kWh");
    expect(de.energy(12_400)).toBe("12,4 kWh");
    expect(en.power(11_000)).toBe("11 kW");
    expect(en.latency(6.71)).toBe("6.7 ms");
    expect(en.latency(1400)).toBe("1.4 s");
    expect(de.count(100_000)).toBe("100.000");
  });
});

test("money has the digits of its currency, prices all of theirs", () => {
  expect(en.money("12.26", "EUR")).toBe("€12.26");
  expect(en.money("0.405", "EUR", 6)).toBe("€0.405");
  expect(en.money("90", "JPY")).toBe("JP¥90");
  expect(de.money("12.26", "EUR")).toBe("12,26\u00a0€");
});
