import { Table, Text } from "@mantine/core";

import type { Schemas } from "../../api/client";
import { LegState } from "../../components/LegState";
import { Time } from "../../components/Time";
import { useFormat } from "../../lib/format";
import { LeftOut } from "./LeftOut";
import { useText } from "./text";

/** The connections of a session: that to the station, and one to each backend. */
export function Legs({ session }: { session: Schemas["Session"] | null }) {
  const text = useText();
  const format = useFormat();
  if (session === null) {
    return (
      <Text p="md" size="sm" c="dimmed">
        {text.noSession}
      </Text>
    );
  }
  return (
    <>
      <Table horizontalSpacing="md">
        <Table.Tbody>
          <Table.Tr>
            <Table.Th scope="row">{text.toStation}</Table.Th>
            <Table.Td>
              <LegState state="up" />
            </Table.Td>
            <Table.Td>
              <Time at={session.since} ago />
            </Table.Td>
            <Table.Td>{calls(session.open_calls, session.waiting_calls)}</Table.Td>
          </Table.Tr>
          {session.legs.map((leg) => (
            <Table.Tr key={leg.backend}>
              <Table.Th scope="row">
                {text.toBackend(leg.backend)}
                <Text size="xs" c="dimmed" fw={400}>
                  {leg.answers ? text.answers : text.told}
                </Text>
              </Table.Th>
              <Table.Td>
                <LegState state={leg.state} />
              </Table.Td>
              <Table.Td>{leg.state === "away" && text.awayFor(format.duration(leg.away_seconds))}</Table.Td>
              <Table.Td>{calls(leg.open_calls, leg.waiting_calls)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <LeftOut names={session.left_out} />
    </>
  );

  function calls(open: number, waiting: number): string {
    const parts = [];
    if (open > 0) parts.push(text.open(open));
    if (waiting > 0) parts.push(text.waiting(waiting));
    return parts.join(", ");
  }
}
