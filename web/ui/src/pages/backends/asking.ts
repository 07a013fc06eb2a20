import { useQuery } from "@tanstack/react-query";

import { api, result, type Schemas } from "../../api/client";
import { Problem } from "../../api/problem";

export type Backend = Schemas["Backend"];
export type Owed = Schemas["OwedToBackend"];

/** Milliseconds between two looks. */
export const PACE = 5000;

/** Return what each backend is owed, by name; null: nobody knows, as there is no database, or it is away. */
export function useOwed(): ReadonlyMap<string, Owed> | null | undefined {
  const owed = useQuery({
    queryKey: ["owed"],
    queryFn: async () => {
      try {
        return (await result(api.GET("/api/v1/owed"))).items;
      } catch (error) {
        if (error instanceof Problem && error.status === 503) return null;
        throw error;
      }
    },
    refetchInterval: 2 * PACE,
  });
  if (owed.data === undefined || owed.data === null) return owed.data;
  return new Map(owed.data.map((one) => [one.backend, one]));
}
