import { Button, Group, Paper, Skeleton } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { IconSend } from "@tabler/icons-react";

import { api, result, type Schemas } from "../../api/client";
import { may, useMe } from "../../api/me";
import { Empty } from "../../components/Empty";
import { Failure } from "../../components/Failure";
import type { Column } from "../../components/table/columns";
import { ListTable } from "../../components/table/ListTable";
import { useFormat } from "../../lib/format";
import { Outcome, useChannels } from "./Deliveries";
import { useText } from "./text";

type Channel = Schemas["Channel"];

/** The ways to people, and whether each works. */
export function Channels() {
  const text = useText();
  const format = useFormat();
  const me = useMe();
  const channels = useChannels();
  if (channels.error) return <Failure error={channels.error} retry={() => void channels.refetch()} />;
  if (channels.data === undefined) return <Skeleton height={120} aria-busy />;
  const columns: Column<Channel>[] = [
    { key: "name", title: text.channel, width: 120, isNarrow: true, render: (row) => row.name },
    { key: "kind", title: text.kind, width: 100, render: (row) => text.kinds[row.kind] },
    {
      key: "rules",
      title: text.itsRules,
      width: 160,
      render: (row) => row.rules.join(", ") || text.noRuleOf,
    },
    {
      key: "rate",
      title: text.rate,
      width: 130,
      isNumeric: true,
      render: (row) => (row.rate === 0 ? text.unbounded : format.count(row.rate)),
    },
    {
      key: "give_up",
      title: text.giveUp,
      width: 130,
      isNumeric: true,
      render: (row) => format.duration(row.give_up),
    },
  ];
  if (may(me, "operator")) {
    columns.push({
      key: "test",
      title: text.lastTest,
      width: 260,
      isNarrow: true,
      render: (row) => <Test channel={row.name} />,
    });
  }
  return (
    <Paper bg="var(--vg-surface)" withBorder>
      {channels.data.items.length === 0 ? (
        <Empty icon={IconSend} title={text.noChannels}>
          {text.noChannelsHelp}
        </Empty>
      ) : (
        <ListTable
          label={text.channels}
          columns={columns}
          rows={channels.data.items}
          rowKey={(row) => row.name}
        />
      )}
    </Paper>
  );
}

/** Sends a message that only shows that a channel works, and says what became of it. */
function Test({ channel }: { channel: string }) {
  const text = useText();
  const client = useQueryClient();
  const sending = useMutation({
    mutationFn: () =>
      result(api.POST("/api/v1/alerts/channels/{name}/test", { params: { path: { name: channel } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["alerts", "deliveries"] }),
  });
  const sent = sending.data;
  const outcome = useQuery({
    queryKey: ["alerts", "deliveries", "test", channel, sent?.id],
    queryFn: async () => {
      const query = { channel, limit: 100 };
      const { items } = await result(api.GET("/api/v1/alerts/deliveries", { params: { query } }));
      return items.find((delivery) => delivery.id === sent?.id) ?? null;
    },
    enabled: sent !== undefined,
    refetchInterval: (query) => (query.state.data?.ended ? false : 1000),
  });
  const shown = outcome.data ?? sent;
  return (
    <Group gap="sm" wrap="nowrap" align="flex-start">
      <Button
        size="compact-sm"
        variant="default"
        style={{ flexShrink: 0 }}
        loading={sending.isPending}
        aria-label={text.testOf(channel)}
        onClick={() => sending.mutate()}
      >
        {text.test}
      </Button>
      <div role="status">
        {sending.error ? <Failure error={sending.error} /> : shown && <Outcome delivery={shown} />}
      </div>
    </Group>
  );
}
