import { useQuery } from "@tanstack/react-query";

import { api, result, type Schemas } from "./client";
import { may, type Me, mayIn, type Role } from "./me";

export type Network = Schemas["CsmsNetwork"];

/** Return the networks that somebody sees; none until they are known, and where there is no management system. */
export function useNetworks(isWanted = true): readonly Network[] {
  const query = useQuery({
    queryKey: ["networks", "all"],
    queryFn: () => result(api.GET("/api/v1/networks", { params: { query: { limit: 1000 } } })),
    staleTime: 60_000,
    retry: false,
    enabled: isWanted,
  });
  return query.data?.items ?? NONE;
}

/** Return the network whose list is asked for: the one that is chosen; else the first of those who see single ones only. */
export function networkOf(me: Me, chosen: string | undefined): string | undefined {
  return chosen !== undefined || may(me, "viewer") ? chosen : Object.keys(me.networks).sort()[0];
}

const NONE: readonly Network[] = [];

/** Return networks as a field offers them: those in which somebody has a role. */
export function choicesOf(
  networks: readonly Network[],
  me: Me,
  role: Role,
): { value: string; label: string }[] {
  return networks
    .filter((network) => mayIn(me, network.id, role))
    .map(({ id, name }) => ({ value: id, label: name === id ? id : `${name} (${id})` }));
}
