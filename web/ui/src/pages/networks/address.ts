/** Return the address of a network's page. */
export function networkAddress(id: string): string {
  return `/networks/${encodeURIComponent(id)}`;
}
