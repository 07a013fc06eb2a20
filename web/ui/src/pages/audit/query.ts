import { api, result, type Schemas } from "../../api/client";
import type { Newest } from "../../components/table/older";
import { fromLocal } from "../../lib/localTime";

export type Line = Schemas["AuditLine"];

export const OUTCOMES = ["passed", "refused", "absorbed", "undelivered", "failed"] as const;
export const FILTERS = ["backend", "station", "action", "outcome", "since", "until"] as const;

export type Filter = Partial<Record<(typeof FILTERS)[number], string>>;

/** Return the lines of a filter, from the newest or from a cursor on. */
export async function linesOf(
  filter: Filter,
  limit: number,
  cursor: string | undefined,
  signal: AbortSignal,
): Promise<Newest<Line>> {
  const query = {
    backend: filter.backend,
    station: filter.station,
    action: filter.action,
    outcome: OUTCOMES.find((known) => known === filter.outcome),
    since: fromLocal(filter.since ?? "") ?? undefined,
    until: fromLocal(filter.until ?? "") ?? undefined,
    limit,
    cursor,
  };
  const page = await result(api.GET("/api/v1/audit", { params: { query }, signal }));
  return { items: page.items, next: page.cursor };
}
