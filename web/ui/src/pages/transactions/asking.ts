import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { api, base, result, type Schemas } from "../../api/client";
import { address, cleared } from "../../lib/location";

export type Transaction = Schemas["CsmsTransaction"];
export type TransactionInFull = Schemas["CsmsTransactionInFull"];

const STATES = ["running", "ended"] as const;
const FILTERS = ["station", "token", "network", "state", "began_from", "began_to"] as const;

/** Return what an address asks for. */
export function filtersOf(parameters: Record<string, string>) {
  const given = Object.fromEntries(
    FILTERS.filter((name) => parameters[name]).map((name) => [name, parameters[name]]),
  );
  return { ...given, state: STATES.find((state) => state === parameters.state) };
}

export type Filters = ReturnType<typeof filtersOf>;

/** What clears all filters. */
export const NO_FILTER = cleared(FILTERS);

/** Return whether anything is filtered. */
export function isFiltered(parameters: Record<string, string>): boolean {
  return FILTERS.some((name) => parameters[name]);
}

/** Milliseconds after which the list and what it comes to are asked for anew. */
export const REFRESH = 30_000;

/** Ask for a part of the list, the newest first. */
export function askTransactions(filters: Filters, cursor: string | undefined, signal: AbortSignal) {
  return result(api.GET("/api/v1/transactions", { params: { query: { ...filters, cursor } }, signal }));
}

/** Return the address of the whole list as CSV: the gateway writes it, however long it is. */
export function csvOf(filters: Filters): string {
  return base + address("/api/v1/transactions", { ...filters, format: "csv" });
}

/** What the transactions come to that the filters leave, by currency. */
export function useTotals(filters: Filters) {
  return useQuery({
    queryKey: ["transactions", "totals", filters],
    queryFn: ({ signal }) =>
      result(api.GET("/api/v1/transactions/totals", { params: { query: filters }, signal })),
    refetchInterval: REFRESH,
  });
}

/** One transaction; while it runs it is asked for again. */
export function useTransaction(station: string, ref: string) {
  return useQuery({
    queryKey: ["transactions", "one", station, ref],
    queryFn: () =>
      result(api.GET("/api/v1/transactions/{station}/{ref}", { params: { path: { station, ref } } })),
    refetchInterval: (query) => (query.state.data?.state === "running" ? 15_000 : false),
  });
}

/** Readings that a page holds; the CSV has more. */
export const MOST = 10_000;

/** The meter values of a transaction, so many at most: each 30 s while it runs, and once more when it has ended. */
export function useReadings(station: string, ref: string, isRunning: boolean) {
  return useQuery({
    queryKey: ["transactions", "readings", station, ref, isRunning],
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const readings: Schemas["Reading"][] = [];
      let cursor: string | null = null;
      do {
        const part: Schemas["CsmsPage_Reading_"] = await result(
          api.GET("/api/v1/transactions/{station}/{ref}/readings", {
            params: { path: { station, ref }, query: { cursor, limit: 1000 } },
            signal,
          }),
        );
        readings.push(...part.items);
        cursor = part.next;
      } while (cursor !== null && readings.length < MOST);
      return readings;
    },
    refetchInterval: isRunning ? REFRESH : false,
  });
}

/** The address of all meter values as CSV. */
export function readingsCsvOf(station: string, ref: string): string {
  return `${base}/api/v1/transactions/${encodeURIComponent(station)}/${encodeURIComponent(ref)}/readings?format=csv`;
}

/** Return the address of a transaction's page. */
export function transactionAddress(one: Pick<Transaction, "station" | "ref">): string {
  return `/transactions/${encodeURIComponent(one.station)}/${encodeURIComponent(one.ref)}`;
}
