import { Anchor, Box } from "@mantine/core";
import { IconPlugConnectedX } from "@tabler/icons-react";
import { useCallback, useMemo } from "react";
import { Link } from "wouter";

import { api, result, type Schemas } from "../../api/client";
import { Empty } from "../../components/Empty";
import { Failure } from "../../components/Failure";
import { LegState } from "../../components/LegState";
import { type Column, shownColumns } from "../../components/table/columns";
import { type Part, usePages } from "../../components/table/pages";
import { VirtualTable } from "../../components/table/VirtualTable";
import { Time } from "../../components/Time";
import { type Format, useFormat } from "../../lib/format";
import { navigate, stationAddress, useParameters } from "../../lib/location";
import { useIsNarrow } from "../../lib/narrow";
import { useSoon } from "../../lib/soon";
import { useTopic } from "../../live/live";
import { useText } from "./text";

type Session = Schemas["Session"];

const SORTS = ["identity", "-identity", "since", "-since", "route", "-route"] as const;

/** Pixels of the whole table at most, of a row, and of what moves it sideways. */
const [HIGHEST, ROW, SCROLLBAR] = [420, 38, 16];
/** Milliseconds between two looks at how links are. */
const PACE = 3000;
/** What changes how the links of a backend are. */
const CHANGES = ["LegUp", "LegDown", "StationCame", "StationWent"];

/** The stations that are connected and have a place for a backend, and how its link to each is. */
export function Links({ backend }: { backend: string }) {
  const text = useText();
  const format = useFormat();
  const [parameters, change] = useParameters();
  const isNarrow = useIsNarrow();
  const sort = SORTS.find((known) => known === parameters.sort);
  const ask = useCallback(
    (offset: number, limit: number, signal: AbortSignal): Promise<Part<Session>> => {
      const query = { backend, sort, offset, limit };
      return result(api.GET("/api/v1/sessions", { params: { query }, signal }));
    },
    [backend, sort],
  );
  const pages = usePages<Session>(["sessions", "list", backend, sort ?? "identity"], ask);
  const refresh = useSoon(pages.refresh, PACE);
  useTopic({ subscribe: "events", kinds: CHANGES }, refresh);
  const columns = useMemo(() => columnsOf(backend, text, format), [backend, text, format]);
  const shown = useMemo(() => shownColumns(columns, undefined, isNarrow), [columns, isNarrow]);
  if (pages.error !== null) return <Failure error={pages.error} retry={pages.refresh} />;
  if (pages.total === 0 && !pages.isLoading) {
    return (
      <Empty icon={IconPlugConnectedX} title={text.noStations}>
        {text.noStationsHelp}
      </Empty>
    );
  }
  return (
    <Box
      display="flex"
      h={Math.min(HIGHEST, ROW * (pages.total + 1) + SCROLLBAR)}
      style={{ flexDirection: "column" }}
    >
      <VirtualTable
        label={text.connected}
        columns={shown}
        pages={pages}
        rowKey={(row) => row.station}
        sort={sort}
        onSort={(next) => change({ sort: next })}
        onOpen={(row) => navigate(stationAddress(row.station))}
        empty={null}
      />
    </Box>
  );
}

function columnsOf(backend: string, text: ReturnType<typeof useText>, format: Format): Column<Session>[] {
  const legOf = (row: Session) => row.legs.find((leg) => leg.backend === backend);
  return [
    {
      key: "station",
      title: text.station,
      width: 130,
      grow: 1.4,
      sort: "identity",
      isNarrow: true,
      render: (row) => (
        <Anchor
          component={Link}
          href={stationAddress(row.station)}
          size="sm"
          fw={550}
          tabIndex={-1}
          c="var(--vg-accent)"
        >
          {row.station}
        </Anchor>
      ),
    },
    {
      key: "link",
      title: text.link,
      width: 120,
      isNarrow: true,
      render: (row) => {
        const leg = legOf(row);
        return leg && <LegState state={leg.state} />;
      },
    },
    {
      key: "away",
      title: text.awayFor,
      width: 100,
      isNumeric: true,
      render: (row) => {
        const leg = legOf(row);
        return leg?.state === "away" || leg?.state === "dialling" ? format.duration(leg.away_seconds) : "";
      },
    },
    {
      key: "part",
      title: text.part,
      width: 90,
      render: (row) => (legOf(row)?.answers ? text.answers : text.told),
    },
    {
      key: "open",
      title: text.open,
      width: 100,
      isNumeric: true,
      render: (row) => format.count(legOf(row)?.open_calls ?? 0),
    },
    {
      key: "waiting",
      title: text.waiting,
      width: 90,
      isNumeric: true,
      render: (row) => format.count(legOf(row)?.waiting_calls ?? 0),
    },
    { key: "route", title: text.route, width: 100, sort: "route", render: (row) => row.route },
    { key: "version", title: text.version, width: 100, render: (row) => row.version },
    {
      key: "since",
      title: text.since,
      width: 130,
      sort: "since",
      render: (row) => <Time at={row.since} />,
    },
  ];
}
