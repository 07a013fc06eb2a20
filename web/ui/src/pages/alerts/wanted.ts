import type { Schemas } from "../../api/client";

/** What a form says: patterns with commas between them, and seconds; "": until it is taken back. */
export interface Form {
  events: string;
  stations: string;
  backends: string;
  seconds: string;
  reason: string;
}

/** Return what is to be muted. What is left empty is all. */
export function wantedMute(form: Form): Schemas["WantedMute"] {
  return {
    events: patterns(form.events),
    stations: patterns(form.stations),
    backends: patterns(form.backends),
    seconds: form.seconds === "" ? null : Number(form.seconds),
    reason: form.reason.trim(),
  };
}

/** Return whether nothing is named: every alert is meant. */
export function isEverything({ events, stations, backends }: Schemas["WantedMute"]): boolean {
  return [events, stations, backends].every(
    (named) => named?.every((pattern) => /^[*]+$/.test(pattern)) ?? true,
  );
}

function patterns(text: string): string[] {
  const named = text.split(",").flatMap((one) => one.trim() || []);
  return named.length === 0 ? ["*"] : named;
}

/** Return an identity or a name as a pattern that means it alone. */
export function literally(name: string): string {
  return name.replaceAll(/[[*?]/g, "[$&]");
}
