import { useEffect, useState } from "react";

import { useFormat } from "../lib/format";
import classes from "./plain.module.css";
import { useZone } from "./ZoneOf";

/** A time in the viewer's zone, short, beside it that of the station; whole and in UTC when it is pointed at. */
export function Time({
  at,
  ago = false,
  isDay = false,
  size = "sm",
}: {
  at: string | number;
  ago?: boolean;
  /** Whether the day matters, and not the time of day. */
  isDay?: boolean;
  size?: "xs" | "sm";
}) {
  const format = useFormat();
  const now = useNow(ago ? 10_000 : null);
  const zone = useZone();
  const there = zone === "" || ago || isDay ? "" : format.there(at, zone);
  return (
    // Tables have hundreds of times: a tooltip or a text of Mantine costs a frame where many change.
    <time
      className={`tabular ${classes.time}`}
      data-size={size}
      dateTime={new Date(at).toISOString()}
      onPointerEnter={(event) => (event.currentTarget.title = format.whole(at))}
    >
      {ago ? format.ago(at, now) : isDay ? format.date(at) : format.short(at)}
      {there !== "" && <span className={classes.there}>{there}</span>}
    </time>
  );
}

/** Return the time of the clock, anew at each interval in milliseconds; null: never. */
export function useNow(interval: number | null): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (interval === null) return;
    const timer = setInterval(() => setNow(Date.now()), interval);
    return () => clearInterval(timer);
  }, [interval]);
  return now;
}
