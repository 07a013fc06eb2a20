import { expect, test } from "vitest";

import { accountOf } from "./cost";
import { pointsOf } from "./curve";

const ENDS = {
  began: "2026-11-21T10:00:00Z",
  ended: "2026-11-21T11:00:00Z",
  meter_start: 1000,
  meter_stop: 5000,
};
const BEGAN = Date.parse(ENDS.began) / 1000;

test("the curve has the energy since the beginning, and both ends of the register", () => {
  const readings = [{ at: "2026-11-21T10:30:00Z", energy: 3000, power: 7400 }];
  expect(pointsOf(ENDS, readings)).toEqual([
    { at: BEGAN, energy: 0, power: null },
    { at: BEGAN + 1800, energy: 2000, power: 7400 },
    { at: BEGAN + 3600, energy: 4000, power: null },
  ]);
});

test("a reading at an end of the transaction is one point with it", () => {
  const readings = [{ at: "2026-11-21T11:00:00.000Z", energy: null, power: 0 }];
  expect(pointsOf(ENDS, readings).at(-1)).toEqual({ at: BEGAN + 3600, energy: 4000, power: 0 });
});

test("where the beginning is not known, the first reading is", () => {
  const unknown = { began: null, ended: null, meter_start: null, meter_stop: null };
  const readings = [
    { at: "2026-11-21T10:00:00Z", energy: 500, power: null },
    { at: "2026-11-21T10:30:00Z", energy: 700, power: null },
  ];
  expect(pointsOf(unknown, readings).map((point) => point.energy)).toEqual([0, 200]);
});

test("a cost is taken apart as it was kept; without a tariff there is none", () => {
  const line = { kind: "energy", quantity: "11345", per: 1000, price: "0.40", amount: "4.538" };
  const cost = { total: 454, currency: "EUR", lines: [line], tariff: "day", version: 2 };
  expect(accountOf({ tariff: { name: "day" }, cost, unknown: ["time"] })).toEqual({
    tariff: "day",
    version: 2,
    currency: "EUR",
    lines: [{ ...line, quantity: 11_345, price: 0.4 }],
    unknown: ["time"],
  });
  expect(accountOf({ tariff: null, cost: null })).toBeNull();
  expect(accountOf(null)).toBeNull();
});
