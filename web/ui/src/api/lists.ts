import { useQuery } from "@tanstack/react-query";

import { api, result } from "./client";

/** All routes, as they are in force. */
export function useRoutes() {
  return useQuery({
    queryKey: ["routes"],
    queryFn: () => result(api.GET("/api/v1/routes", { params: { query: { limit: 1000 } } })),
    staleTime: 60_000,
  });
}

/** All backends; `every` so many milliseconds they are asked for again. */
export function useBackends({ isEnabled = true, every }: { isEnabled?: boolean; every?: number } = {}) {
  return useQuery({
    queryKey: ["backends"],
    queryFn: () => result(api.GET("/api/v1/backends", { params: { query: { limit: 1000 } } })),
    staleTime: every ?? 60_000,
    refetchInterval: every ?? false,
    enabled: isEnabled,
  });
}
