import { Group, Stack, Text } from "@mantine/core";

import type { Schemas } from "../../api/client";
import { type Mood, State } from "../../components/State";
import { Time } from "../../components/Time";
import { useText } from "./text";

const MOODS: Record<string, Mood> = {
  Available: "good",
  Occupied: "busy",
  Preparing: "busy",
  Charging: "busy",
  SuspendedEV: "busy",
  SuspendedEVSE: "busy",
  Finishing: "busy",
  Reserved: "warning",
  Unavailable: "quiet",
  Faulted: "bad",
};

/** Connectors with the status that each has reported, in OCPP's words. */
export function Connectors({ connectors }: { connectors: Schemas["CsmsConnector"][] }) {
  const text = useText();
  if (connectors.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        {text.noConnectors}
      </Text>
    );
  }
  return (
    <Stack gap="xs">
      {connectors.map((one) => (
        <Group key={`${one.evse}/${one.connector}`} justify="space-between" wrap="nowrap">
          <Text size="sm">{nameOf(one)}</Text>
          <Group gap="sm" wrap="nowrap">
            <State mood={MOODS[one.status] ?? "quiet"}>
              {one.error_code && one.error_code !== "NoError"
                ? `${one.status}: ${one.error_code}`
                : one.status}
            </State>
            {one.at && <Time at={one.at} />}
          </Group>
        </Group>
      ))}
    </Stack>
  );

  function nameOf(one: Schemas["CsmsConnector"]): string {
    if (one.evse === 0) return text.station;
    return one.connector === 0
      ? `${text.evse} ${one.evse}`
      : `${text.connector} ${one.evse}/${one.connector}`;
  }
}
