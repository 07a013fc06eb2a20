import type { Schemas } from "../../api/client";

/** A call on one leg, with what came of it: as the log has it, or as it is heard now. */
export type Said = Omit<Schemas["LoggedMessage"], "node">;

/** A message as the live stream shows it: what decided and what was changed is in the log alone. */
export type Heard = Pick<
  Said,
  | "at"
  | "station"
  | "leg"
  | "direction"
  | "action"
  | "message_id"
  | "payload"
  | "outcome"
  | "reply"
  | "latency_ms"
  | "backend"
>;

/** A call with all of its legs that are known; the first of `legs` is that of who made it, if it is among them. */
export interface Exchange {
  key: string;
  legs: Said[];
}

export interface Filters {
  station?: string;
  backend?: string;
  action?: string;
  outcome?: string;
  text?: string;
}

type OwnDirection = NonNullable<Said["direction"]>;

const ORDER: Record<OwnDirection, number> = {
  from_station: 0,
  from_backend: 0,
  to_backend: 1,
  to_station: 1,
};
/** Milliseconds within which the legs of one call are heard, at most. */
const TOGETHER = 120_000;

/** Return a message of the stream in the form of the log. */
export function saidOf(heard: Heard, number: number): Said {
  return {
    ...heard,
    id: `live-${number}`,
    kind: "call",
    call: null,
    changed: null,
    decided: null,
    description: null,
    route: null,
    rule: null,
  };
}

/** Return the records of the log, which come the newest first, as calls: the log says which records are of one. */
export function callsOf(records: readonly Said[]): Exchange[] {
  const calls = new Map<string, Exchange>();
  for (const record of records) {
    const key = record.call === null ? record.id : `${record.station} ${record.call}`;
    const known = calls.get(key);
    if (known === undefined) calls.set(key, { key, legs: [record] });
    else known.legs.push(record);
  }
  for (const call of calls.values()) call.legs.sort(inOrder);
  return [...calls.values()];
}

/**
 * Return calls with one more message that was heard, the newest first. The stream does not say which legs are of one call: those
 * are that have the station, the action and the id, and are heard within two minutes.
 */
export function withHeard(calls: readonly Exchange[], record: Said, most: number): Exchange[] {
  const index = calls.findIndex((call) => isOf(call, record));
  const known = calls[index];
  if (known === undefined) return [{ key: record.id, legs: [record] }, ...calls].slice(0, most);
  const next = [...calls];
  next[index] = { ...known, legs: [...known.legs, record].sort(inOrder) };
  return next;
}

function isOf(call: Exchange, record: Said): boolean {
  const [other] = call.legs;
  if (other === undefined) return false;
  return (
    other.station === record.station &&
    other.message_id === record.message_id &&
    other.action === record.action &&
    isOfStation(other) === isOfStation(record) &&
    Math.abs(Date.parse(other.at) - Date.parse(record.at)) < TOGETHER &&
    !call.legs.some((leg) => leg.direction === record.direction && leg.leg === record.leg)
  );
}

/** Return whether the station made the call, on whichever leg it is. */
export function isOfStation(record: Said): boolean {
  return record.direction === "from_station" || record.direction === "to_backend";
}

function inOrder(one: Said, other: Said): number {
  return place(one) - place(other) || (one.at < other.at ? -1 : one.at > other.at ? 1 : 0);
}

function place(record: Said): number {
  return record.direction === null ? 0 : ORDER[record.direction];
}

/** Return whether a message that was heard is wanted; the log looks for itself. */
export function isWanted(record: Said, filters: Filters): boolean {
  if (filters.station && record.station.toLowerCase() !== filters.station.toLowerCase()) return false;
  if (filters.action && record.action !== filters.action) return false;
  if (filters.outcome && record.outcome !== filters.outcome) return false;
  if (filters.backend && record.backend !== filters.backend && record.leg !== filters.backend) return false;
  if (!filters.text) return true;
  return JSON.stringify([record.payload, record.reply, record.message_id])
    .toLowerCase()
    .includes(filters.text.toLowerCase());
}
