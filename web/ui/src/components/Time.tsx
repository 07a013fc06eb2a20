import { Text } from "@mantine/core";
import { useEffect, useState } from "react";

import { useFormat } from "../lib/format";

/** A time in the viewer's zone, short; whole and in UTC when it is pointed at. */
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
  return (
    // A title of the browser's own: tables have hundreds of times, and a tooltip of Mantine costs a frame where many change.
    <Text
      component="time"
      size={size}
      className="tabular"
      style={{ whiteSpace: "nowrap" }}
      dateTime={new Date(at).toISOString()}
      title={format.whole(at)}
      span
    >
      {ago ? format.ago(at, now) : isDay ? format.date(at) : format.short(at)}
    </Text>
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
