import type { Schemas } from "../../api/client";

type Calls = Schemas["Calls"];

/** Return how many calls ended. */
export function ended(calls: Calls): number {
  return calls.results + calls.errors + calls.unanswered;
}

/** Return the mean time that a call took, in milliseconds; null: there was none. */
export function mean(calls: Calls): number | null {
  const number = ended(calls);
  return number === 0 ? null : (1000 * calls.seconds) / number;
}

/** Return the share of calls, in percent, that got an error or no answer; null: there was none. */
export function failed(calls: Calls): number | null {
  const number = ended(calls);
  return number === 0 ? null : (100 * (calls.errors + calls.unanswered)) / number;
}
