import type { Schemas } from "../../api/client";

/** A moment of a transaction: seconds since 1970, the energy since its beginning in Wh, the power in W. */
export interface Point {
  at: number;
  energy: number | null;
  power: number | null;
}

type Transaction = Pick<Schemas["CsmsTransactionInFull"], "began" | "ended" | "meter_start" | "meter_stop">;
type Reading = Pick<Schemas["Reading"], "at" | "energy" | "power">;

/** Return what is drawn of a transaction: what its meter said, and both ends of the register, in the order of time. */
export function pointsOf(transaction: Transaction, readings: readonly Reading[]): Point[] {
  const start = transaction.meter_start ?? readings.find((each) => each.energy !== null)?.energy ?? 0;
  const points = readings.map((each) => ({
    at: secondsOf(each.at),
    energy: each.energy === null ? null : each.energy - start,
    power: each.power,
  }));
  for (const [at, register] of [
    [transaction.began, transaction.meter_start],
    [transaction.ended, transaction.meter_stop],
  ] as const) {
    if (at === null || register === null) continue;
    const there = points.find((point) => point.at === secondsOf(at));
    if (there === undefined) points.push({ at: secondsOf(at), energy: register - start, power: null });
    else there.energy ??= register - start;
  }
  return points.sort((one, other) => one.at - other.at);
}

function secondsOf(at: string): number {
  return Date.parse(at) / 1000;
}
