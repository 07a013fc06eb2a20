import { expect, test } from "vitest";

import { grouped, MOST, type Refusal, withOne } from "./refusals";

function refusal(id: number, more: Partial<Refusal> = {}): Refusal {
  return {
    id,
    at: `2026-11-22T08:00:${String(id).padStart(2, "0")}.000Z`,
    station: "CP-1",
    target: "/ocpp/CP-1",
    address: "10.0.0.1",
    status: 401,
    reason: "wrong password",
    ...more,
  };
}

test("who comes again for the same reason is one row, with the last place and the number of times", () => {
  const [row, other, ...more] = grouped([
    refusal(1),
    refusal(3, { address: "10.0.0.2" }),
    refusal(2, { reason: "no sub-protocol", status: 400 }),
  ]);
  expect(more).toEqual([]);
  expect(row).toMatchObject({ times: 2, addresses: 2, first: refusal(1).at, last: { address: "10.0.0.2" } });
  expect(other).toMatchObject({ times: 1, last: { status: 400 } });
});

test("who names no station is told by where it comes from and what it asks for", () => {
  const lost = refusal(1, { station: "", target: "/" });
  expect(grouped([lost, { ...lost, id: 2, address: "10.0.0.9" }])).toHaveLength(2);
  expect(grouped([lost, { ...lost, id: 2 }])).toHaveLength(1);
});

test("a part of who, from where or why is looked for", () => {
  const all = [refusal(1), refusal(2, { station: "DEPOT-7", target: "/ocpp/DEPOT-7", address: "10.7.0.1" })];
  for (const wanted of ["depot", "10.7", "OCPP/dep"]) expect(grouped(all, wanted)).toHaveLength(1);
  expect(grouped(all, "PASSWORD")).toHaveLength(2);
  expect(grouped(all, "nobody")).toEqual([]);
});

test("what is told twice counts once, and what is kept is bounded", () => {
  let known: Refusal[] = [];
  for (let id = 0; id < MOST + 5; id++) known = withOne(known, refusal(id));
  expect(known).toHaveLength(MOST);
  expect(withOne(known, refusal(MOST))).toBe(known);
  expect(withOne(known, refusal(MOST, { node: "b" }))).toHaveLength(MOST);
  expect(withOne(known, refusal(MOST, { node: "b" }))[0]?.node).toBe("b");
});
