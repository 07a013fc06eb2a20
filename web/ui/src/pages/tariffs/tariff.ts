import type { Schemas } from "../../api/client";
import { fromLocal, toLocal } from "../../lib/localTime";

export type Tariff = Required<Schemas["Shown"]>;

const FREE = {
  network: "",
  group: "",
  per_kwh: "0",
  per_minute: "0",
  per_idle_minute: "0",
  per_session: "0",
  free_minutes: "0",
  vat: null,
};

/** Return tariffs with all that their description lets be left out. */
export function tariffsOf(shown: readonly Schemas["Shown"][]): Tariff[] {
  return shown.map((tariff) => ({ ...FREE, ...tariff }));
}

/** Whether a version prices what begins now, what begins later, or only what began before another took its place. */
export type Standing = "current" | "later" | "replaced";

/** Return how each version stands: of those of one network and group the latest is in force. */
export function standings(tariffs: readonly Tariff[], now: number): ReadonlyMap<Tariff, Standing> {
  const latest = new Map<string, Tariff>();
  for (const tariff of tariffs.filter((each) => Date.parse(each.since) <= now)) {
    const before = latest.get(audience(tariff));
    if (before === undefined || isAfter(tariff, before)) latest.set(audience(tariff), tariff);
  }
  return new Map(
    tariffs.map((tariff) => {
      if (Date.parse(tariff.since) > now) return [tariff, "later"];
      return [tariff, latest.get(audience(tariff)) === tariff ? "current" : "replaced"];
    }),
  );
}

function audience({ network, group }: Tariff): string {
  return JSON.stringify([network.toLowerCase(), group.toLowerCase()]);
}

/** The order of the gateway: by the beginning, then by version, then by name. */
function isAfter(one: Tariff, other: Tariff): boolean {
  const [since, before] = [Date.parse(one.since), Date.parse(other.since)];
  if (since !== before) return since > before;
  return one.version === other.version ? one.name > other.name : one.version > other.version;
}

/** The fields of a tariff as they are typed. */
export const BLANK = {
  name: "",
  currency: "",
  network: "",
  group: "",
  since: "",
  per_kwh: "",
  per_minute: "",
  per_idle_minute: "",
  per_session: "",
  free_minutes: "",
  vat: "",
};
export type Draft = typeof BLANK;

/** Return a draft of the next version of a tariff; it begins now, unless that one begins later. */
export function draftOf(tariff: Tariff, now: number): Draft {
  const since = Date.parse(tariff.since) > now ? toLocal(tariff.since) : "";
  const priced = (price: string) => (Number(price) === 0 ? "" : price);
  return {
    name: tariff.name,
    currency: tariff.currency,
    network: tariff.network,
    group: tariff.group,
    since,
    per_kwh: priced(tariff.per_kwh),
    per_minute: priced(tariff.per_minute),
    per_idle_minute: priced(tariff.per_idle_minute),
    per_session: priced(tariff.per_session),
    free_minutes: priced(tariff.free_minutes),
    vat: tariff.vat ?? "",
  };
}

/** Return the prices of a draft, as the API takes them; a comma is a point. */
export function pricesOf(draft: Draft) {
  const price = (text: string) => text.trim().replace(",", ".") || "0";
  return {
    currency: draft.currency || null,
    per_kwh: price(draft.per_kwh),
    per_minute: price(draft.per_minute),
    per_idle_minute: price(draft.per_idle_minute),
    per_session: price(draft.per_session),
    free_minutes: price(draft.free_minutes),
    vat: draft.vat.trim() === "" ? null : price(draft.vat),
  };
}

/** Return a draft as the API takes it. */
export function wantedOf(draft: Draft) {
  const { network, group } = draft;
  return { ...pricesOf(draft), network, group, since: fromLocal(draft.since) };
}
