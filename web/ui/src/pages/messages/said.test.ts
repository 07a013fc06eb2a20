import { expect, test } from "vitest";

import { callsOf, type Exchange, type Heard, isWanted, type Said, saidOf, withHeard } from "./said";

const HEARD: Heard = {
  at: "2026-11-22T08:00:00.000Z",
  station: "CP-1",
  leg: "station",
  direction: "from_station",
  action: "Heartbeat",
  message_id: "1",
  payload: {},
  outcome: "result",
  reply: {},
  latency_ms: 2,
  backend: "billing",
};

function record(id: string, changes: Partial<Said> = {}): Said {
  return { ...saidOf(HEARD, 0), id, ...changes };
}

function heard(calls: Exchange[], ...records: Said[]): string[][] {
  const all = records.reduce((before, one) => withHeard(before, one, 3), calls);
  return all.map((call) => call.legs.map((leg) => leg.id));
}

test("records of one call are together, who made it first; the newest call stays first", () => {
  const records = [
    record("4", { call: "7" }),
    record("3", { call: "6" }),
    record("2", { call: "7", direction: "to_backend", leg: "billing" }),
    record("1"),
  ];
  expect(callsOf(records).map((call) => call.legs.map((leg) => leg.id))).toEqual([["4", "2"], ["3"], ["1"]]);
});

test("calls of two stations with one number are two", () => {
  const records = [record("2", { call: "7" }), record("1", { call: "7", station: "CP-2" })];
  expect(callsOf(records)).toHaveLength(2);
});

test("legs that are heard are paired by station, action and id, in whichever order they come", () => {
  const backend = record("b", { direction: "to_backend", leg: "billing" });
  const copy = record("c", { direction: "to_backend", leg: "copy" });
  expect(heard([], backend, record("s"), copy)).toEqual([["s", "b", "c"]]);
});

test("a second call with the same id is another one, as is one of a backend, of another station, or of much later", () => {
  expect(heard([], record("1"), record("2"))).toEqual([["2"], ["1"]]);
  expect(heard([], record("1"), record("2", { direction: "to_station" }))).toEqual([["2"], ["1"]]);
  const late = record("2", { direction: "to_backend", leg: "billing", at: "2026-11-22T09:00:00.000Z" });
  expect(heard([], record("1"), late)).toEqual([["2"], ["1"]]);
  const elsewhere = record("2", { direction: "to_backend", leg: "billing", station: "CP-2" });
  expect(heard([], record("1"), elsewhere)).toEqual([["2"], ["1"]]);
});

test("only so many calls are kept", () => {
  const all = ["1", "2", "3", "4"].map((id) => record(id, { message_id: id }));
  expect(heard([], ...all)).toEqual([["4"], ["3"], ["2"]]);
});

test.each([
  [{}, true],
  [{ station: "cp-1" }, true],
  [{ station: "CP-2" }, false],
  [{ action: "Heartbeat" }, true],
  [{ action: "Heart" }, false],
  [{ outcome: "error" }, false],
  [{ backend: "billing" }, true],
  [{ backend: "other" }, false],
  [{ text: "STATUS" }, true],
  [{ text: "none" }, false],
])("what is heard is filtered by %j", (filters, isIn) => {
  expect(isWanted(record("1", { payload: { status: 1 } }), filters)).toBe(isIn);
});
