import { useDebouncedValue } from "@mantine/hooks";
import { useState } from "react";

import type { Pages } from "../../components/table/pages";
import { useTopic } from "../../live/live";
import type { Station } from "./columns";

/** Stations of one screen that are listened to at most. */
const MOST = 200;
/** Milliseconds for which rows must stay on the screen before they are listened to. */
const SETTLED = 150;

/** Return the rows on the screen that have changed since they were asked for, by identity. */
export function useChanged(pages: Pages<Station>): ReadonlyMap<string, Station> {
  const [changed, setChanged] = useState<ReadonlyMap<string, Station>>(new Map());
  const identities: string[] = [];
  const [first, last] = pages.range;
  for (let index = first; index < last && identities.length < MOST; index++) {
    const row = pages.row(index);
    if (row !== undefined) identities.push(row.identity);
  }
  const [settled] = useDebouncedValue(JSON.stringify(identities), SETTLED);
  const listened = JSON.parse(settled) as string[];
  useTopic(listened.length === 0 ? undefined : { subscribe: "stations", identities: listened }, (item) => {
    if (item.kind !== "row") return;
    const row = item.data as Station;
    setChanged((before) => new Map([...before, [row.identity, row] as const].slice(-2 * MOST)));
  });
  return changed;
}
