import { Anchor, Paper, Skeleton, Text } from "@mantine/core";
import { IconServer2 } from "@tabler/icons-react";
import { Link } from "wouter";

import { useBackends } from "../../api/lists";
import { Empty } from "../../components/Empty";
import { Failure } from "../../components/Failure";
import { MissingNodes } from "../../components/MissingNodes";
import { PageHead } from "../../components/PageHead";
import type { Column } from "../../components/table/columns";
import { ListTable } from "../../components/table/ListTable";
import { useFormat } from "../../lib/format";
import { backendAddress } from "../../lib/location";
import { type Backend, PACE, useOwed } from "./asking";
import { ended, failed, mean } from "./numbers";
import { Debt, Reach } from "./Shown";
import { useText } from "./text";

/** All backends: whether each can be reached, and how it does. */
export function BackendList() {
  const text = useText();
  const columns = useColumns();
  const list = useBackends({ every: PACE });
  return (
    <>
      <PageHead title={text.title} about={text.about} />
      {list.error && <Failure error={list.error} retry={() => void list.refetch()} />}
      <MissingNodes nodes={list.data?.missing} />
      {list.data === undefined ? (
        !list.error && <Skeleton height={160} aria-busy />
      ) : (
        <Paper bg="var(--vg-surface)" withBorder style={{ overflow: "hidden" }}>
          {list.data.items.length > 0 ? (
            <ListTable
              label={text.title}
              columns={columns}
              rows={list.data.items}
              rowKey={(row) => row.name}
            />
          ) : (
            <Empty icon={IconServer2} title={text.none}>
              {text.noneHelp}
            </Empty>
          )}
        </Paper>
      )}
    </>
  );
}

function useColumns(): Column<Backend>[] {
  const text = useText();
  const format = useFormat();
  const owed = useOwed();
  const columns: Column<Backend>[] = [
    {
      key: "name",
      title: text.backend,
      width: 210,
      isNarrow: true,
      render: (row) => (
        <>
          <Anchor component={Link} href={backendAddress(row.name)} size="sm" fw={550} c="var(--vg-accent)">
            {row.name}
          </Anchor>
          <Text size="xs" c="dimmed">
            {row.claimed_url ?? row.url ?? row.soap_url}
          </Text>
        </>
      ),
    },
    {
      key: "state",
      title: text.state,
      width: 160,
      isNarrow: true,
      render: (row) => <Reach backend={row} />,
    },
    {
      key: "links",
      title: text.links,
      width: 90,
      isNumeric: true,
      render: (row) => text.linksOf(format.count(row.legs_up), format.count(row.legs)),
    },
    {
      key: "calls",
      title: text.calls,
      width: 80,
      isNumeric: true,
      render: (row) => format.count(ended(row.calls)),
    },
    {
      key: "failed",
      title: text.failed,
      width: 80,
      isNumeric: true,
      render: (row) => share(failed(row.calls)),
    },
    {
      key: "mean",
      title: text.mean,
      width: 90,
      isNumeric: true,
      render: (row) => time(mean(row.calls)),
    },
    {
      key: "claims",
      title: text.claims,
      width: 80,
      isNumeric: true,
      render: (row) => format.count(row.claims),
    },
    { key: "permit", title: text.permit, width: 115, render: (row) => row.permit ?? text.noPermit },
  ];
  if (owed) {
    columns.push({
      key: "owed",
      title: text.owed,
      width: 120,
      render: (row) => <Debt owed={owed.get(row.name)} />,
    });
  }
  return columns;

  function share(percent: number | null): string {
    return percent === null ? "–" : `${format.number(percent)} %`;
  }

  function time(milliseconds: number | null): string {
    return milliseconds === null ? "–" : format.latency(milliseconds);
  }
}
