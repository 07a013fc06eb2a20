import { Button, Group, Paper, Stack, Text } from "@mantine/core";
import { IconBroadcast, IconPlayerPause, IconPlayerPlay } from "@tabler/icons-react";
import { useRef, useState } from "react";

import { Empty } from "../../components/Empty";
import { MissingNodes } from "../../components/MissingNodes";
import { useTopic } from "../../live/live";
import { ExchangeList } from "./ExchangeList";
import { type Exchange, type Heard, isWanted, saidOf, withHeard } from "./said";
import { useText } from "./text";
import type { LogFilters } from "./Log";

/** Calls that are kept on the screen. */
const MOST = 200;

/** Messages as they are heard: of one station, or of all. */
export function LiveMessages({ filters }: { filters: LogFilters }) {
  const text = useText();
  const [calls, setCalls] = useState<Exchange[]>([]);
  const [lost, setLost] = useState(0);
  const [missing, setMissing] = useState<string[]>([]);
  const [isPaused, setPaused] = useState(false);
  const number = useRef(0);
  const topic = { subscribe: "messages" as const, ...(filters.station ? { station: filters.station } : {}) };
  useTopic(isPaused ? undefined : topic, (item) => {
    if (item.kind === "lost") {
      setLost((before) => before + ((item.data as { lost?: number | null }).lost ?? 0));
    } else if (item.kind === "missing") {
      setMissing((item.data as { missing?: string[] }).missing ?? []);
    } else if (item.kind === "message") {
      const record = saidOf(item.data as Heard, ++number.current);
      setCalls((before) => withHeard(before, record, MOST));
    }
  });
  const shown = calls.filter((call) => call.legs.some((leg) => isWanted(leg, filters)));
  return (
    <Stack gap="sm">
      <Group justify="space-between" gap="xs" wrap="nowrap">
        <Text size="sm" c="dimmed">
          {isPaused ? text.paused : text.liveOnly} {lost > 0 && text.lost(lost)}
        </Text>
        <Button
          variant="default"
          style={{ flexShrink: 0 }}
          leftSection={
            isPaused ? <IconPlayerPlay size={16} aria-hidden /> : <IconPlayerPause size={16} aria-hidden />
          }
          onClick={() => setPaused(!isPaused)}
        >
          {isPaused ? text.goOn : text.pause}
        </Button>
      </Group>
      <MissingNodes nodes={missing} />
      <Paper withBorder bg="var(--vg-surface)">
        {shown.length === 0 ? (
          <Empty icon={IconBroadcast} title={text.silent}>
            {text.silentHelp}
          </Empty>
        ) : (
          <ExchangeList calls={shown} isLog={false} />
        )}
      </Paper>
    </Stack>
  );
}
