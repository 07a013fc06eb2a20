import { Paper, Skeleton, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, result, type Schemas } from "../../api/client";
import { may, useMe } from "../../api/me";
import { Failure } from "../../components/Failure";
import { PageHead } from "../../components/PageHead";
import { ListTable } from "../../components/table/ListTable";
import { useFormat } from "../../lib/format";
import { columnsOf } from "./columns";
import { Drain, Undrain } from "./Drain";
import { useText } from "./text";

export type Node = Schemas["ClusterNode"];

const EVERY = 5000;

/** `/nodes`: the gateways of the cluster, and handing over the stations of one. */
export default function Nodes() {
  const text = useText();
  const format = useFormat();
  const me = useMe();
  const [asked, setAsked] = useState<{ node: Node; does: "drain" | "undrain" } | null>(null);
  const nodes = useQuery({
    queryKey: ["nodes"],
    queryFn: () => result(api.GET("/api/v1/nodes")),
    refetchInterval: EVERY,
  });
  const rows = nodes.data?.items ?? [];
  const alive = rows.filter((node) => node.alive);
  const isAlone = rows.length === 1 && rows[0]?.id === "";
  const canDrain = alive.filter((node) => node.state === "serving").length > 1;
  const ask = may(me, "operator") && !isAlone ? setAsked : null;
  const stations = alive.reduce((sum, node) => sum + node.stations, 0);
  return (
    <>
      <PageHead title={text.title} about={nodes.data && text.about(alive.length, stations)} />
      <Stack>
        {nodes.error && <Failure error={nodes.error} retry={() => void nodes.refetch()} />}
        {nodes.isPending && <Skeleton height={160} aria-busy />}
        {rows.length > 0 && (
          <Paper bg="var(--vg-surface)" withBorder style={{ overflow: "hidden" }}>
            <ListTable
              label={text.title}
              columns={columnsOf(text, format, ask, canDrain)}
              rows={rows}
              rowKey={(node) => node.id || node.name}
            />
          </Paper>
        )}
        {rows.length > 0 && (isAlone || !canDrain) && (
          <Text size="sm" c="dimmed">
            {isAlone ? text.alone : text.last}
          </Text>
        )}
      </Stack>
      {asked?.does === "drain" && <Drain node={asked.node} onClose={() => setAsked(null)} />}
      {asked?.does === "undrain" && <Undrain node={asked.node} onClose={() => setAsked(null)} />}
    </>
  );
}
