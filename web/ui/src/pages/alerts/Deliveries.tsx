import { Group, Select, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconMail, IconSearchOff } from "@tabler/icons-react";
import { useMemo } from "react";

import { api, result, type Schemas } from "../../api/client";
import { Empty } from "../../components/Empty";
import { type Mood, State } from "../../components/State";
import type { Column } from "../../components/table/columns";
import { OlderTable } from "../../components/table/ListTable";
import { AT_ONCE, useOlder } from "../../components/table/older";
import { Time } from "../../components/Time";
import { useParameters } from "../../lib/location";
import { useText } from "./text";

type Delivery = Schemas["Delivery"];

const STATUSES = ["due", "sent", "given up", "digest", "in digest"] as const;
const MOODS: Record<Delivery["status"], Mood> = {
  due: "busy",
  sent: "good",
  "given up": "bad",
  digest: "quiet",
  "in digest": "quiet",
};

/** Messages to people, and what became of each. */
export function Deliveries() {
  const text = useText();
  const [parameters, change] = useParameters();
  const channels = useChannels();
  const status = STATUSES.find((known) => known === parameters.status);
  const query = { channel: parameters.channel, status: status && [status], limit: AT_ONCE };
  const list = useOlder<Delivery>(
    ["alerts", "deliveries", query],
    (cursor, signal) =>
      result(api.GET("/api/v1/alerts/deliveries", { params: { query: { ...query, cursor } }, signal })),
    10_000,
  );
  const columns = useMemo(() => columnsOf(text), [text]);
  const isFiltered = parameters.channel !== undefined || status !== undefined;
  return (
    <>
      <Group gap="xs" mb="sm">
        <Select
          aria-label={text.channel}
          placeholder={text.anyChannel}
          data={channels.data?.items.map((channel) => channel.name) ?? []}
          value={parameters.channel ?? null}
          onChange={(value) => change({ channel: value ?? undefined })}
          clearable
          w={170}
        />
        <Select
          aria-label={text.status}
          placeholder={text.anyStatus}
          data={STATUSES.map((value) => ({ value, label: text.deliveryStatuses[value] }))}
          value={status ?? null}
          onChange={(value) => change({ status: value ?? undefined })}
          clearable
          w={190}
        />
      </Group>
      <OlderTable
        label={text.deliveries}
        list={list}
        columns={columns}
        rowKey={(row) => row.id}
        empty={
          isFiltered ? (
            <Empty icon={IconSearchOff} title={text.noDeliveriesMatch}>
              {text.noMatchHelp}
            </Empty>
          ) : (
            <Empty icon={IconMail} title={text.noDeliveries}>
              {text.noDeliveriesHelp}
            </Empty>
          )
        }
      />
    </>
  );
}

export function useChannels() {
  return useQuery({
    queryKey: ["alerts", "channels"],
    queryFn: () => result(api.GET("/api/v1/alerts/channels")),
  });
}

/** What became of a message, and why it did not get through. */
export function Outcome({ delivery }: { delivery: Delivery }) {
  const text = useText();
  return (
    <Stack gap={2}>
      <State mood={delivery.status === "due" && delivery.error !== null ? "warning" : MOODS[delivery.status]}>
        {text.deliveryStatuses[delivery.status]}
      </State>
      {delivery.status !== "sent" && delivery.error !== null && (
        <Text size="xs" c="dimmed">
          {delivery.error}
        </Text>
      )}
    </Stack>
  );
}

function columnsOf(text: ReturnType<typeof useText>): Column<Delivery>[] {
  return [
    {
      key: "created",
      title: text.created,
      width: 100,
      isNarrow: true,
      render: (row) => <Time at={row.created} />,
    },
    { key: "channel", title: text.channel, width: 100, render: (row) => row.channel },
    { key: "kind", title: text.kind, width: 100, render: (row) => text.deliveryKinds[row.kind] },
    { key: "subject", title: text.subject, width: 240, isNarrow: true, render: (row) => row.subject },
    { key: "count", title: text.count, width: 80, isNumeric: true, render: (row) => row.count },
    {
      key: "status",
      title: text.status,
      width: 220,
      isNarrow: true,
      render: (row) => <Outcome delivery={row} />,
    },
    { key: "attempts", title: text.attempts, width: 80, isNumeric: true, render: (row) => row.attempts },
    { key: "note", title: text.said, width: 140, render: (row) => row.note },
  ];
}
