import { useQuery } from "@tanstack/react-query";

import { api, result } from "../../api/client";

/** Return the commands of the management system, with their parameters. */
export function useCommands(isEnabled: boolean) {
  return useQuery({
    queryKey: ["commands"],
    queryFn: async () => (await result(api.GET("/api/v1/commands"))).items,
    staleTime: Infinity,
    enabled: isEnabled,
  });
}
