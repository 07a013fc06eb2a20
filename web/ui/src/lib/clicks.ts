import type { MouseEvent } from "react";

/** Return whether a click is the first: the second one of a double click is meant to do nothing once more. */
export function isFirst(event: Pick<MouseEvent, "detail">): boolean {
  return event.detail < 2; // 0: it was a key
}

/** Keep the second click of a double click from sending a form again. */
export function once(event: MouseEvent): void {
  if (!isFirst(event)) event.preventDefault();
}
