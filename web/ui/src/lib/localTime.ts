/** Return a time as a field for local times has it: "2026-11-21T08:30:05", to the second or the minute; "" for none. */
export function toLocal(at: string | null, to: "second" | "minute" = "minute"): string {
  const then = new Date(at ?? "");
  if (Number.isNaN(then.getTime())) return "";
  const shifted = new Date(then.getTime() - then.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, to === "second" ? 19 : 16);
}

/** Return the time of such a field, in UTC as messages have it; null for what is none. */
export function fromLocal(text: string): string | null {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? null : at.toISOString().replace(".000Z", "Z");
}
