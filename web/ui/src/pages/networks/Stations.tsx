import { Anchor, Box, Button, Group } from "@mantine/core";
import { IconChargingPile, IconDownload, IconPlus, IconSearchOff } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "wouter";

import { api, base, result, type Schemas } from "../../api/client";
import { mayIn, useMe } from "../../api/me";
import { Empty } from "../../components/Empty";
import { ImportList } from "../../components/ImportList";
import { Panel } from "../../components/Panel";
import { State } from "../../components/State";
import type { Column } from "../../components/table/columns";
import { OlderTable } from "../../components/table/ListTable";
import { AT_ONCE, useOlder } from "../../components/table/older";
import { TextFilter } from "../../components/TextFilter";
import { Time } from "../../components/Time";
import { address, stationAddress, useParameters } from "../../lib/location";
import { StationActions } from "./StationActions";
import { StationForm } from "./StationForm";
import { useText } from "./text";

type Station = Schemas["CsmsStation"];
const COLUMNS = "identity,network,name,location,registration,validation";

/** The stations that the management system has in a network. */
export function Stations({ network }: { network: string }) {
  const text = useText();
  const mayAct = mayIn(useMe(), network, "operator");
  const [parameters, change] = useParameters();
  const [isAdding, setAdding] = useState(false);
  const wanted = { network, text: parameters.text };
  const list = useOlder(["csms", "stations", "list", wanted], (cursor, signal) => {
    const query = { ...wanted, cursor, limit: AT_ONCE };
    return result(api.GET("/api/v1/csms/stations", { params: { query }, signal }));
  });
  const columns = columnsOf(text, mayAct);
  return (
    <Panel
      title={text.stations}
      side={
        <Group gap="xs">
          <Button
            component="a"
            href={`${base}${address("/api/v1/csms/stations", { ...wanted, format: "csv" })}`}
            download={`${network}-stations.csv`}
            variant="default"
            leftSection={<IconDownload size={16} aria-hidden />}
          >
            {text.export}
          </Button>
          {mayAct && <ImportList list="csms" columns={COLUMNS} />}
          {mayAct && (
            <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setAdding(true)}>
              {text.addStation}
            </Button>
          )}
        </Group>
      }
    >
      <Box mb="sm">
        <TextFilter
          value={parameters.text ?? ""}
          onChange={(typed) => change({ text: typed })}
          label={text.filter}
        />
      </Box>
      <OlderTable
        label={text.stations}
        columns={columns}
        chosen={parameters.columns}
        rowKey={(row) => row.identity}
        list={list}
        empty={
          parameters.text === undefined ? (
            <Empty icon={IconChargingPile} title={text.noStations}>
              {mayAct && text.noStationsHelp}
            </Empty>
          ) : (
            <Empty icon={IconSearchOff} title={text.noMatch}>
              {text.noMatchHelp}
            </Empty>
          )
        }
      />
      {isAdding && <StationForm network={network} onClose={() => setAdding(false)} />}
    </Panel>
  );
}

function columnsOf(text: ReturnType<typeof useText>, mayAct: boolean): Column<Station>[] {
  const columns: Column<Station>[] = [
    {
      key: "identity",
      title: text.identity,
      width: 150,
      isFixed: true,
      render: (row) => (
        <Anchor component={Link} href={stationAddress(row.identity)} size="sm" fw={550} c="var(--vg-accent)">
          {row.identity}
        </Anchor>
      ),
    },
    {
      key: "connected",
      title: text.state,
      width: 140,
      isNarrow: true,
      render: (row) => (
        <State mood={row.connected ? "good" : "quiet"}>{row.connected ? text.connected : text.away}</State>
      ),
    },
    { key: "name", title: text.name, width: 150, render: (row) => row.name },
    { key: "location", title: text.location, width: 150, render: (row) => row.location },
    { key: "model", title: text.model, width: 150, render: (row) => `${row.vendor} ${row.model}`.trim() },
    { key: "firmware", title: text.firmware, width: 100, render: (row) => row.firmware },
    { key: "seen", title: text.seen, width: 120, render: (row) => row.seen && <Time at={row.seen} ago /> },
  ];
  if (mayAct) {
    columns.push({
      key: "actions",
      title: text.actionsColumn,
      width: 90,
      isFixed: true,
      isNumeric: true,
      render: (row) => <StationActions station={row} />,
    });
  }
  return columns;
}
