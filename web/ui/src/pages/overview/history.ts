import type { Overview } from "./attention";

/** What was told of one second: seconds since 1970, calls a second, errors a second. */
export type History = readonly (readonly [at: number, calls: number | null, errors: number | null])[];

const SECONDS = 600;

/** Return the history with one more look; what is older than ten minutes is forgotten. */
export function noted(history: History, now: Overview): History {
  const at = Date.parse(now.at) / 1000;
  const kept = history.filter(([then]) => then > at - SECONDS && then < at);
  return [...kept, [at, now.calls.per_second, now.calls.errors_per_second]];
}
