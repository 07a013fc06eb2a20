import { Text } from "@mantine/core";

import { State } from "../../components/State";
import { useFormat } from "../../lib/format";
import type { Backend, Owed } from "./asking";
import { useText } from "./text";

/** Whether a backend can be reached; if not, for how long. */
export function Reach({ backend }: { backend: Backend }) {
  const text = useText();
  const format = useFormat();
  if (backend.state === "up") return <State mood="good">{text.up}</State>;
  if (backend.state === "idle") return <State mood="quiet">{text.idle}</State>;
  const away = backend.away_seconds;
  return <State mood="bad">{away === null ? text.down : text.downFor(format.duration(away))}</State>;
}

/** What a backend is owed; undefined: nothing. */
export function Debt({ owed }: { owed: Owed | undefined }) {
  const text = useText();
  const format = useFormat();
  if (owed === undefined) return <>{text.nothing}</>;
  return (
    <>
      {text.messages(owed.messages)}
      <Text component="span" size="xs" c="dimmed" display="block">
        {text.oldest(format.duration(owed.oldest_seconds))}
      </Text>
    </>
  );
}
