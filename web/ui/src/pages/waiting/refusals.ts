/** Somebody was turned away at the door, as the events tell it. */
export interface Refusal {
  id: number | string;
  at: string;
  /** "": what was asked for names no station. */
  station: string;
  target: string;
  address: string;
  status: number;
  reason: string;
  node?: string;
}

/** Who was turned away, why, and how often. */
export interface Refusals {
  key: string;
  last: Refusal;
  times: number;
  first: string;
  addresses: number;
}

/** Refusals that are kept. */
export const MOST = 2000;

/** Return what is known with one more refusal, which may have been told before; the newest stand first. */
export function withOne(known: readonly Refusal[], told: Refusal): Refusal[] {
  const is = (one: Refusal) => one.id === told.id && one.node === told.node;
  if (known.some(is)) return known as Refusal[];
  return [told, ...known].slice(0, MOST);
}

/** Return who was turned away for what, whoever came last first. `wanted` is a part of who, from where or why. */
export function grouped(refusals: readonly Refusal[], wanted = ""): Refusals[] {
  const groups = new Map<string, Refusal[]>();
  for (const one of refusals) {
    const who = one.station || `${one.address} ${one.target}`;
    const key = JSON.stringify([who, one.status, one.reason]);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const part = wanted.toLowerCase();
  return [...groups]
    .map(([key, of]) => summed(key, of))
    .filter(({ last }) =>
      [last.station, last.target, last.address, last.reason].some((said) =>
        said.toLowerCase().includes(part),
      ),
    )
    .sort((a, b) => b.last.at.localeCompare(a.last.at));
}

function summed(key: string, of: readonly Refusal[]): Refusals {
  const sorted = of.toSorted((a, b) => a.at.localeCompare(b.at));
  const [first, last] = [sorted[0] as Refusal, sorted.at(-1) as Refusal]; // a group has at least one
  return {
    key,
    last,
    times: of.length,
    first: first.at,
    addresses: new Set(of.map((one) => one.address)).size,
  };
}
