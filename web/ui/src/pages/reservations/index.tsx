import { Anchor, Button, Group, Select } from "@mantine/core";
import { IconCalendarOff, IconSearchOff } from "@tabler/icons-react";
import { useMemo } from "react";
import { Link } from "wouter";

import { api, result, type Schemas } from "../../api/client";
import { may, useMe } from "../../api/me";
import { choicesOf, networkOf, useNetworks } from "../../api/networks";
import { Empty } from "../../components/Empty";
import { PageHead } from "../../components/PageHead";
import { type Mood, State } from "../../components/State";
import type { Column } from "../../components/table/columns";
import { OlderTable } from "../../components/table/ListTable";
import { AT_ONCE, useOlder } from "../../components/table/older";
import { Views } from "../../components/table/Views";
import { TextFilter } from "../../components/TextFilter";
import { Time } from "../../components/Time";
import { isUnmanaged, Unmanaged } from "../../components/Unmanaged";
import { cleared, stationAddress, useParameters } from "../../lib/location";
import { commandAddress } from "../stations/addresses";
import { transactionAddress } from "../transactions/asking";
import { useText } from "./text";

type Reservation = Schemas["CsmsReservation"];

const FILTERS = ["station", "status", "network"] as const;
/** Of a reservation that the station keeps, or may. */
const OPEN = ["Waiting", "Accepted"];
const MOODS: Record<string, Mood> = {
  Waiting: "busy",
  Accepted: "good",
  Used: "quiet",
  Cancelled: "quiet",
  Expired: "quiet",
};

/** `/reservations`: which connectors are kept for whom, and what became of it. */
export default function Reservations() {
  const text = useText();
  const me = useMe();
  const [parameters, change] = useParameters();
  const networks = useNetworks();
  const wanted = useMemo(
    () => ({
      ...Object.fromEntries(FILTERS.map((name) => [name, parameters[name]])),
      network: networkOf(me, parameters.network),
    }),
    [parameters, me],
  );
  const list = useOlder(["reservations", wanted], (cursor, signal) =>
    result(
      api.GET("/api/v1/reservations", { params: { query: { ...wanted, cursor, limit: AT_ONCE } }, signal }),
    ),
  );
  const mayAct = may(me, "operator") || choicesOf(networks, me, "operator").length > 0;
  const columns = useMemo(() => columnsOf(text, mayAct), [text, mayAct]);
  if (isUnmanaged(list.error)) return <Unmanaged />;
  const isFiltered = FILTERS.some((name) => parameters[name] !== undefined);
  const clear = () => change(cleared(FILTERS));
  return (
    <>
      <PageHead title={text.title} about={list.total !== undefined && text.count(list.total)}>
        <Views />
      </PageHead>
      <Group gap="xs" mb="sm">
        <TextFilter
          value={parameters.station ?? ""}
          onChange={(station) => change({ station })}
          label={text.filter}
        />
        <Select
          aria-label={text.status}
          placeholder={text.anyStatus}
          data={Object.entries(text.statuses).map(([value, label]) => ({ value, label }))}
          value={parameters.status ?? null}
          onChange={(status) => change({ status: status ?? undefined })}
          clearable
          w={220}
        />
        <Select
          aria-label={text.network}
          placeholder={text.anyNetwork}
          data={choicesOf(networks, me, "viewer")}
          value={wanted.network ?? null}
          onChange={(network) => change({ network: network ?? undefined })}
          clearable
          w={180}
        />
      </Group>
      <OlderTable
        label={text.title}
        columns={columns}
        rowKey={(row) => `${row.station} ${row.number} ${row.made}`}
        list={list}
        empty={
          isFiltered ? (
            <Empty icon={IconSearchOff} title={text.noMatch}>
              {text.noMatchHelp}
              <br />
              <Button mt="sm" variant="default" onClick={clear}>
                {text.clear}
              </Button>
            </Empty>
          ) : (
            <Empty icon={IconCalendarOff} title={text.none}>
              {text.noneHelp}
            </Empty>
          )
        }
      />
    </>
  );
}

function columnsOf(text: ReturnType<typeof useText>, mayAct: boolean): Column<Reservation>[] {
  return [
    {
      key: "station",
      title: text.station,
      width: 150,
      isNarrow: true,
      render: (row) => (
        <Anchor component={Link} href={stationAddress(row.station)} size="sm" c="var(--vg-accent)">
          {row.station}
        </Anchor>
      ),
    },
    { key: "number", title: text.number, width: 90, isNumeric: true, render: (row) => row.number },
    { key: "evse", title: text.evse, width: 110, isNumeric: true, render: (row) => row.evse ?? text.anyEvse },
    {
      key: "token",
      title: text.token,
      width: 160,
      isNarrow: true,
      render: (row) => <span className="tabular">{row.token}</span>,
    },
    { key: "group", title: text.group, width: 120, render: (row) => row.group },
    {
      key: "status",
      title: text.status,
      width: 170,
      isNarrow: true,
      render: (row) => (
        <State mood={MOODS[row.status] ?? "bad"}>
          {(text.statuses as Record<string, string>)[row.status] ?? row.status}
        </State>
      ),
    },
    { key: "expires", title: text.expires, width: 120, render: (row) => <Time at={row.expires} /> },
    { key: "made", title: text.made, width: 120, render: (row) => <Time at={row.made} /> },
    {
      key: "transaction",
      title: text.transaction,
      width: 150,
      render: (row) =>
        row.ref && (
          <Anchor component={Link} href={transactionAddress(row)} size="sm" c="var(--vg-accent)">
            {row.ref}
          </Anchor>
        ),
    },
    ...(mayAct ? [{ key: "actions", title: text.actions, width: 110, render: cancelOf(text) }] : []),
  ];
}

/** What leads to the command that cancels a reservation, as long as the station keeps it. */
function cancelOf(text: ReturnType<typeof useText>) {
  return (row: Reservation) =>
    OPEN.includes(row.status) && (
      <Anchor
        component={Link}
        href={commandAddress(row.station, "cancel-reservation", { id: String(row.number) })}
        aria-label={text.cancelOf(row.number, row.station)}
        size="sm"
        c="var(--vg-accent)"
      >
        {text.cancel}
      </Anchor>
    );
}
