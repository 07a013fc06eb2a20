import { Anchor, Button, Text } from "@mantine/core";
import { IconPlus, IconSitemap } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "wouter";

import { api, result } from "../../api/client";
import { may, useMe } from "../../api/me";
import type { Network } from "../../api/networks";
import { Empty } from "../../components/Empty";
import { PageHead } from "../../components/PageHead";
import { type Column, shownColumns } from "../../components/table/columns";
import { Columns } from "../../components/table/Columns";
import { OlderTable } from "../../components/table/ListTable";
import { AT_ONCE, useOlder } from "../../components/table/older";
import { Views } from "../../components/table/Views";
import { isUnmanaged, Unmanaged } from "../../components/Unmanaged";
import { type Format, useFormat } from "../../lib/format";
import { useParameters } from "../../lib/location";
import { useIsNarrow } from "../../lib/narrow";
import { networkAddress } from "./address";
import { NetworkForm } from "./NetworkForm";
import { useText } from "./text";

/** The networks that somebody sees. */
export function NetworkList() {
  const text = useText();
  const format = useFormat();
  const me = useMe();
  const [parameters, change] = useParameters();
  const isNarrow = useIsNarrow();
  const [isAdding, setAdding] = useState(false);
  const list = useOlder(["networks", "list"], (cursor, signal) =>
    result(api.GET("/api/v1/networks", { params: { query: { cursor, limit: AT_ONCE } }, signal })),
  );
  const columns = columnsOf(text, format);
  if (isUnmanaged(list.error)) return <Unmanaged />;
  return (
    <>
      <PageHead title={text.title} about={list.total !== undefined && text.count(list.total)}>
        <Views />
        <Columns
          columns={columns}
          shown={shownColumns(columns, parameters.columns, isNarrow)}
          onChoose={(chosen) => change({ columns: chosen })}
        />
        {may(me, "operator") && (
          <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setAdding(true)}>
            {text.add}
          </Button>
        )}
      </PageHead>
      <OlderTable
        label={text.title}
        columns={columns}
        chosen={parameters.columns}
        rowKey={(row) => row.id}
        list={list}
        empty={
          <Empty icon={IconSitemap} title={text.none}>
            {text.noneHelp}
          </Empty>
        }
      />
      {isAdding && <NetworkForm onClose={() => setAdding(false)} />}
    </>
  );
}

function columnsOf(text: ReturnType<typeof useText>, format: Format): Column<Network>[] {
  return [
    {
      key: "name",
      title: text.name,
      width: 200,
      isFixed: true,
      render: (row) => (
        <Anchor component={Link} href={networkAddress(row.id)} size="sm" fw={550} c="var(--vg-accent)">
          {row.name}
        </Anchor>
      ),
    },
    { key: "id", title: text.id, width: 120, render: (row) => row.id },
    { key: "location", title: text.location, width: 180, render: (row) => row.location },
    {
      key: "currency",
      title: text.currency,
      width: 120,
      render: (row) => row.currency ?? <Quiet>{text.usual}</Quiet>,
    },
    {
      key: "interval",
      title: text.interval,
      width: 130,
      isShown: false,
      render: (row) =>
        row.interval === null ? <Quiet>{text.usual}</Quiet> : text.every(format.duration(row.interval)),
    },
    {
      key: "stations",
      title: text.stations,
      width: 100,
      isNumeric: true,
      isNarrow: true,
      render: (row) => format.count(row.stations),
    },
    {
      key: "connected",
      title: text.connected,
      width: 110,
      isNumeric: true,
      isNarrow: true,
      render: (row) => format.count(row.connected),
    },
  ];
}

function Quiet({ children }: { children: string }) {
  return (
    <Text span size="sm" c="dimmed">
      {children}
    </Text>
  );
}
