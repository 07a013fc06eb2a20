import { useMutation, useQueryClient } from "@tanstack/react-query";

import { api, result, type Schemas } from "../../api/client";
import { Problem } from "../../api/problem";

export type Waiting = Schemas["Waiting"];

/** What is asked for of the waiting room begins with this. */
export const KEY = ["waiting"];

/** Where stations go: onto a route, or to a backend that claims them. */
export type Place = { route: string } | { backend: string };

/** Lets stations in; gives how many of them other backends claim as well. */
export function useAdmission() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async ({ identities, place }: { identities: string[]; place: Place }) => {
      if ("backend" in place) {
        const path = { name: place.backend };
        const body = { add: identities };
        return (await result(api.PATCH("/api/v1/backends/{name}/stations", { params: { path }, body })))
          .contested;
      }
      await each(identities, (identity) =>
        api.POST("/api/v1/waiting/{identity}/accept", { params: { path: { identity } }, body: place }),
      );
      return 0;
    },
    onSettled: () => client.invalidateQueries(),
  });
}

export function useDismissal() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (identities: string[]) =>
      each(identities, (identity) =>
        api.DELETE("/api/v1/waiting/{identity}", { params: { path: { identity } } }),
      ),
    onSettled: () => client.invalidateQueries({ queryKey: KEY }),
  });
}

/** Do something with one station after the other. One that waits no more has been decided on by somebody else. */
async function each(identities: string[], act: (identity: string) => Promise<unknown>): Promise<void> {
  for (const identity of identities) {
    try {
      await act(identity);
    } catch (error) {
      if (!(error instanceof Problem && error.status === 404)) throw error;
    }
  }
}
