/** Return a time as a field for local times has it: "2026-11-21T08:30"; "" for none. */
export function toLocal(at: string | null): string {
  if (at === null) return "";
  const then = new Date(at);
  const two = (number: number) => String(number).padStart(2, "0");
  const year = String(then.getFullYear()).padStart(4, "0"); // of one that is being typed the first digit is a year
  const day = `${year}-${two(then.getMonth() + 1)}-${two(then.getDate())}`;
  return `${day}T${two(then.getHours())}:${two(then.getMinutes())}`;
}

/** Return the time of such a field, in UTC; null for an empty one, and for what an address has in its place. */
export function fromLocal(text: string): string | null {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? null : at.toISOString();
}
