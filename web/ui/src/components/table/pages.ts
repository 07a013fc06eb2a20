import { type QueryKey, useQueries, useQueryClient } from "@tanstack/react-query";
import { useCallback, useState } from "react";

export interface Part<T> {
  items: T[];
  total: number;
  missing?: string[];
}

/** A long list of which only what is on the screen is asked for. */
export interface Pages<T> {
  total: number;
  row: (index: number) => T | undefined;
  /** Say which rows are on the screen, the last one not counted; `range` has them, and some around them. */
  show: (first: number, last: number) => void;
  range: readonly [first: number, last: number];
  isLoading: boolean;
  error: unknown;
  /** Nodes that do not answer. */
  missing: readonly string[];
  refresh: () => void;
}

/** Rows that are asked for at once. */
const PAGE = 100;

/** Rows by which the range grows that a list knows of: scrolling from row to row tells nobody anything. */
const STEP = 20;

/** Return the pages that rows are on, without the last one. */
export function pagesOf(first: number, last: number, size = PAGE): number[] {
  const pages: number[] = [];
  for (let page = Math.floor(first / size); page * size < Math.max(last, first + 1); page++) pages.push(page);
  return pages;
}

/** Return a list by its pages; another `key` is another list. */
export function usePages<T>(
  key: QueryKey,
  ask: (offset: number, limit: number, signal: AbortSignal) => Promise<Part<T>>,
): Pages<T> {
  const client = useQueryClient();
  const [range, setRange] = useState<readonly [number, number]>([0, 1]);
  const list = JSON.stringify(key);
  const [known, setKnown] = useState({ list, total: 0 });
  const numbers = pagesOf(...range);
  const answers = useQueries({
    queries: numbers.map((page) => ({
      queryKey: [...key, page],
      queryFn: ({ signal }: { signal: AbortSignal }) => ask(page * PAGE, PAGE, signal),
      staleTime: 30_000,
    })),
  });
  const loaded = answers.find((answer) => answer.data !== undefined)?.data;
  const total = loaded?.total ?? known.total; // the total of before holds while another order is asked for
  if (loaded !== undefined && (known.list !== list || known.total !== loaded.total)) {
    setKnown({ list, total: loaded.total });
  }
  const show = useCallback((first: number, last: number) => {
    const from = Math.floor(first / STEP) * STEP;
    const to = Math.ceil(last / STEP) * STEP;
    setRange((before) => (before[0] === from && before[1] === to ? before : [from, to]));
  }, []);
  const row = (index: number): T | undefined => {
    const page = Math.floor(index / PAGE);
    return answers[numbers.indexOf(page)]?.data?.items[index % PAGE];
  };
  return {
    total,
    row,
    show,
    range,
    isLoading: loaded === undefined && answers.some((answer) => answer.isLoading),
    error: answers.find((answer) => answer.error !== null)?.error ?? null,
    missing: loaded?.missing ?? [],
    refresh: () => void client.invalidateQueries({ queryKey: key }),
  };
}
