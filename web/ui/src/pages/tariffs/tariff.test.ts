import { expect, test } from "vitest";

import { BLANK, draftOf, pricesOf, standings, type Tariff } from "./tariff";

const tariff = (version: number, since: string, more: Partial<Tariff> = {}): Tariff => ({
  name: "day",
  version,
  currency: "EUR",
  since: `${since}T00:00:00.000Z`,
  network: "",
  group: "",
  per_kwh: "0.4",
  per_minute: "0",
  per_session: "0",
  per_idle_minute: "0",
  free_minutes: "0",
  vat: null,
  ...more,
});
const NOW = Date.parse("2026-06-01T00:00:00Z");

test("the latest that has begun is in force, for each network and group of its own", () => {
  const list = [
    tariff(1, "2026-01-01"),
    tariff(2, "2026-03-01"),
    tariff(3, "2026-03-01"),
    tariff(4, "2027-01-01"),
    tariff(1, "2025-01-01", { network: "North" }),
    tariff(1, "2026-02-01", { network: "north", name: "other" }),
  ];
  expect([...standings(list, NOW).values()]).toEqual([
    "replaced",
    "replaced",
    "current",
    "later",
    "replaced",
    "current",
  ]);
});

test("the next version has the prices of the one before, and begins now", () => {
  const draft = draftOf(tariff(1, "2026-01-01", { vat: "19" }), NOW);
  expect(draft).toEqual({ ...BLANK, name: "day", currency: "EUR", per_kwh: "0.4", vat: "19" });
  expect(draftOf(tariff(1, "2027-01-01"), NOW).since).not.toBe("");
});

test("what is not typed costs nothing, and a comma is a point", () => {
  expect(pricesOf({ ...BLANK, per_kwh: "0,405 " })).toEqual({
    currency: null,
    per_kwh: "0.405",
    per_minute: "0",
    per_idle_minute: "0",
    per_session: "0",
    free_minutes: "0",
    vat: null,
  });
});
