import { useQuery } from "@tanstack/react-query";

import { api, result, type Schemas } from "../../api/client";

/** What is recorded, and how the log is. */
export function useRecordings() {
  return useQuery({
    queryKey: ["recordings"],
    queryFn: () => result(api.GET("/api/v1/messages/recording")),
    refetchInterval: 15_000,
  });
}

/** Return whether any station is recorded. */
export function isRecording(recordings: Schemas["Recordings"]): boolean {
  return [recordings.asked, recordings.configured].some(
    (one) => one.stations.length > 0 || one.routes.length > 0,
  );
}
