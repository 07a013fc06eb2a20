/**
 * Return those members of a draft that are not as they were. A form sends no others: what somebody else has changed meanwhile stays.
 */
export function changesOf<T extends object>(before: T, draft: T): Partial<T> {
  const isOther = ([name, value]: [string, unknown]) =>
    JSON.stringify(value) !== JSON.stringify(before[name as keyof T]);
  return Object.fromEntries(Object.entries(draft).filter(isOther)) as Partial<T>;
}
