import { isObject } from "../../../components/form/shape";
import type { Mood } from "../../../components/State";

/** The statuses by which a station says that it does, did or will do as it was told. */
const YES = ["Accepted", "AcceptedCanceled", "RebootRequired", "Scheduled", "Unlocked", "Unpublished"];

/** Return what the payload of an answer comes to, in the station's own word; "": it has none. */
export function verdictOf(payload: unknown): { mood: Mood; word: string } {
  const words = isObject(payload) ? statuses(payload) : [];
  const no = words.find((word) => !YES.includes(word));
  const word = no ?? words[0] ?? "";
  return { mood: word === "" || no === undefined ? "good" : "bad", word };
}

/** Return the status of an answer, or those of its parts: SetVariables has one for each variable. */
function statuses(payload: Record<string, unknown>): string[] {
  if (typeof payload.status === "string") return [payload.status];
  return Object.values(payload)
    .flatMap((each) => (Array.isArray(each) ? (each as unknown[]) : []))
    .flatMap((each) => (isObject(each) ? [each.attributeStatus ?? each.status] : []))
    .filter((word) => typeof word === "string");
}
