import type { Schemas } from "../../api/client";
import type { Mood } from "../../components/State";

export type Job = Schemas["JobShown"];
export type ItemState = Schemas["JobItemShown"]["state"];

export const ITEM_STATES: readonly ItemState[] = [
  "waiting",
  "sent",
  "done",
  "failed",
  "unanswered",
  "unknown",
  "cancelled",
];

export const JOB_MOODS: Record<Job["state"], Mood> = {
  running: "busy",
  cancelling: "warning",
  cancelled: "quiet",
  ended: "good",
};

export const ITEM_MOODS: Record<ItemState, Mood> = {
  waiting: "quiet",
  sent: "busy",
  done: "good",
  failed: "bad",
  unanswered: "warning",
  unknown: "warning",
  cancelled: "quiet",
};

/** How far a job has come, in stations. */
export interface Progress {
  total: number;
  done: number;
  /** Those that did not do it, as far as is known. */
  failed: number;
  waiting: number;
}

export function progressOf(job: Pick<Job, "stations" | "counts">): Progress {
  const of = (state: ItemState) => job.counts[state] ?? 0;
  return {
    total: job.stations,
    done: of("done"),
    failed: of("failed") + of("unanswered") + of("unknown"),
    waiting: of("waiting"),
  };
}

/** Return whether a job has ended: nothing changes any more. */
export function isOver(job: Job): boolean {
  return job.ended !== null;
}

/** Return who made a job: by the API, as everybody does. */
export function madeBy(job: Pick<Job, "by">): string {
  return job.by.replace(/^api:/, "");
}
