import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, useContext } from "react";

import { api, result, type Schemas, setCsrf, whenSignedOut } from "./client";
import { Problem } from "./problem";

export type Me = Schemas["Me"];
export type Role = "viewer" | "operator" | "admin";

const RANK: Record<string, number> = { viewer: 1, operator: 2, admin: 3 };

/** Return whether somebody has a role in everything: each includes those before it. */
export function may(me: Me, role: Role): boolean {
  return (RANK[me.role] ?? 0) >= (RANK[role] ?? 0);
}

/** Return whether somebody has a role in a network, or in everything. */
export function mayIn(me: Me, network: string | null, role: Role): boolean {
  const there = network === null ? undefined : me.networks[network];
  return may(me, role) || (RANK[there ?? ""] ?? 0) >= (RANK[role] ?? 0);
}

/** Return whether somebody has a role in a network at least. */
export function maySomewhere(me: Me, role: Role): boolean {
  return [me.role, ...Object.values(me.networks)].some((own) => (RANK[own] ?? 0) >= (RANK[role] ?? 0));
}

/** Ask who is signed in; null: nobody. */
export function useWhoIsThere() {
  const client = useQueryClient();
  return useQuery({
    queryKey: ["me"],
    queryFn: async () => {
      whenSignedOut(() => client.setQueryData(["me"], null));
      try {
        const me = await result(api.GET("/api/v1/me"));
        setCsrf(me.csrf);
        return me;
      } catch (error) {
        if (error instanceof Problem && error.status === 401) return null;
        throw error;
      }
    },
    staleTime: 60_000,
  });
}

const MeContext = createContext<Me | null>(null);
export const MeProvider = MeContext.Provider;

/** Return who is signed in: a page is shown to nobody else. */
export function useMe(): Me {
  const me = useContext(MeContext);
  if (me === null) throw new Error("useMe is used outside of a page");
  return me;
}
