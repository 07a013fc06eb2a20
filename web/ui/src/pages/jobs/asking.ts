import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { api, result, type Schemas } from "../../api/client";
import { useOlder } from "../../components/table/older";
import { isOver, type ItemState, type Job } from "./jobs";

const SOON = 1_000;
/** How often stations that are waited for are asked about: how often they were tried changes no count. */
const NOW_AND_THEN = 30_000;

const oneKey = (id: string) => ["jobs", "one", id];
const itemsKey = (id: string) => ["jobs", "items", id];

/** Return a job as it goes on; its stations are asked for anew when one of them has come further. */
export function useJob(id: string) {
  const client = useQueryClient();
  return useQuery({
    queryKey: oneKey(id),
    queryFn: async ({ signal }) => {
      const before = client.getQueryData<Job>(oneKey(id));
      const job = await result(api.GET("/api/v1/jobs/{job}", { params: { path: { job: id } }, signal }));
      if (JSON.stringify(before?.counts) !== JSON.stringify(job.counts)) {
        void client.invalidateQueries({ queryKey: itemsKey(id) });
      }
      return job;
    },
    refetchInterval: (query) => (query.state.data && isOver(query.state.data) ? false : SOON),
  });
}

/** Return the stations of a job, and what each of them said. */
export function useItems(job: Job, state: ItemState | undefined) {
  return useOlder<Schemas["JobItemShown"]>(
    [...itemsKey(job.id), state ?? null],
    (cursor, signal) => {
      const params = { path: { job: job.id }, query: { state, cursor } };
      return result(api.GET("/api/v1/jobs/{job}/items", { params, signal }));
    },
    isOver(job) ? false : NOW_AND_THEN,
  );
}

/** Return what cancels a job. */
export function useCancelling(id: string, onDone: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => result(api.DELETE("/api/v1/jobs/{job}", { params: { path: { job: id } } })),
    onSuccess: onDone,
    onSettled: () => client.invalidateQueries({ queryKey: ["jobs"] }),
  });
}
