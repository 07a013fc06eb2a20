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
  const nameOf = useConnectorName();
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
            <ConnectorState {...one} />
            {one.at && <Time at={one.at} />}
          </Group>
        </Group>
      ))}
    </Stack>
  );
}

/** The status of a connector, with the error that it has. */
export function ConnectorState({ status, error_code }: { status: string; error_code: string }) {
  return (
    <State mood={MOODS[status] ?? "quiet"}>
      {error_code && error_code !== "NoError" ? `${status}: ${error_code}` : status}
    </State>
  );
}

/** Return what says which connector it is. */
export function useConnectorName(): (place: { evse: number; connector: number }) => string {
  const text = useText();
  return ({ evse, connector }) => {
    if (evse === 0) return text.station;
    return connector === 0 ? `${text.evse} ${evse}` : `${text.connector} ${evse}/${connector}`;
  };
}
