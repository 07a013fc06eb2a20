import type { Schemas } from "../../api/client";
import type { Mood } from "../../components/State";
import type { Format } from "../../lib/format";
import { backendAddress } from "../../lib/location";
import type { useText } from "./text";

export type Overview = Schemas["Overview"];

/** Something that somebody should look at, and where. */
export interface Attention {
  mood: Mood;
  text: string;
  href: string;
}

/** Seconds for which something may be owed before somebody should look. */
const OWED_LONG = 60;
/** The share of calls that may fail before somebody should look, where there are some. */
const MANY_FAIL = 0.1;

/** Return what needs attention now, what is worst first. */
export function attentionOf(now: Overview, text: ReturnType<typeof useText>, format: Format): Attention[] {
  const found: Attention[] = [];
  const { calls, owed } = now;
  if (now.database === "away") found.push({ mood: "bad", text: text.databaseIsAway, href: "/about" });
  if (now.missing !== undefined && now.missing.length > 0) {
    found.push({ mood: "bad", text: text.missing(now.missing.join(", ")), href: "/about" });
  }
  if (now.backends.down > 0) {
    const [first] = now.backends.down_names;
    const href = now.backends.down === 1 && first !== undefined ? backendAddress(first) : "/backends";
    found.push({ mood: "bad", text: text.down(now.backends.down_names.join(", ")), href });
  }
  const { per_second, errors_per_second } = calls;
  if (
    per_second !== null &&
    errors_per_second !== null &&
    per_second >= 1 &&
    errors_per_second > MANY_FAIL * per_second
  ) {
    const percent = format.number((100 * errors_per_second) / per_second, 0);
    found.push({ mood: "warning", text: text.failing(percent), href: "/messages?outcome=error" });
  }
  if (now.alerts !== null && now.alerts > 0) {
    found.push({ mood: "warning", text: text.alerts(now.alerts), href: "/alerts" });
  }
  if (owed !== null && owed.messages > 0 && owed.oldest_seconds > OWED_LONG) {
    const said = text.owing(owed.messages, format.duration(owed.oldest_seconds));
    found.push({ mood: "warning", text: said, href: "/backends" });
  }
  if (now.stations.waiting > 0) {
    found.push({ mood: "warning", text: text.waiting(now.stations.waiting), href: "/waiting" });
  }
  return found;
}
