import { type QueryKey, useInfiniteQuery } from "@tanstack/react-query";

/** A part of a list that is read from the newest on; `next` leads on to what is older. */
export interface Newest<T> {
  items: T[];
  next: string | null;
  /** How many there are in all, where that is counted. */
  total?: number;
}

/** What is shown at once. */
export const AT_ONCE = 100;

/** Return a list that is read from the newest on, as far as it was asked for; another `key` is another list. */
export function useOlder<T>(
  key: QueryKey,
  ask: (cursor: string | undefined, signal: AbortSignal) => Promise<Newest<T>>,
  refresh: number | false = false,
) {
  const query = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => ask(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    refetchInterval: refresh,
  });
  return {
    rows: query.data?.pages.flatMap((page) => page.items),
    total: query.data?.pages.at(-1)?.total,
    error: query.error,
    hasMore: query.hasNextPage,
    isAsking: query.isFetchingNextPage,
    more: () => void query.fetchNextPage(),
    again: () => void query.refetch(),
  };
}

export type Older<T> = ReturnType<typeof useOlder<T>>;
