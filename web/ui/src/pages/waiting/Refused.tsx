import { Paper, Text } from "@mantine/core";
import { IconDoorEnter, IconSearchOff } from "@tabler/icons-react";
import { useMemo, useState } from "react";

import { Empty } from "../../components/Empty";
import type { Column } from "../../components/table/columns";
import { ListTable } from "../../components/table/ListTable";
import { TextFilter } from "../../components/TextFilter";
import { Time } from "../../components/Time";
import { useFormat } from "../../lib/format";
import { useParameters } from "../../lib/location";
import { useTopic } from "../../live/live";
import { grouped, type Refusal, type Refusals, withOne } from "./refusals";
import { useText } from "./text";

/** Rows that are shown at most. */
const SHOWN = 200;

/** Who was turned away at the door, for whatever reason: what the gateway remembers, and on from there live. */
export function Refused() {
  const text = useText();
  const format = useFormat();
  const [parameters, change] = useParameters();
  const [refusals, setRefusals] = useState<Refusal[]>([]);
  useTopic({ subscribe: "events", kinds: ["StationRefused"], last: "0" }, (item) => {
    if (item.kind === "event") setRefusals((before) => withOne(before, item.data as Refusal));
  });
  const q = parameters.q ?? "";
  const rows = useMemo(() => grouped(refusals, q), [refusals, q]);
  const columns: Column<Refusals>[] = [
    {
      key: "station",
      title: text.station,
      width: 240,
      isNarrow: true,
      render: ({ last }) => (
        <>
          <Text size="sm" fw={550}>
            {last.station || text.nameless}
          </Text>
          <Text size="xs" c="dimmed">
            {last.target}
          </Text>
        </>
      ),
    },
    {
      key: "reason",
      title: text.why,
      width: 300,
      isNarrow: true,
      render: ({ last }) => (
        <>
          {last.reason}{" "}
          <Text component="span" size="xs" c="dimmed">
            ({last.status})
          </Text>
        </>
      ),
    },
    {
      key: "address",
      title: text.from,
      width: 170,
      render: ({ last, addresses }) => (
        <span className="tabular">
          {last.address}
          {addresses > 1 && ` ${text.andMore(addresses - 1)}`}
        </span>
      ),
    },
    { key: "times", title: text.tries, width: 80, isNumeric: true, render: (row) => format.count(row.times) },
    { key: "first", title: text.first, width: 110, render: (row) => <Time at={row.first} /> },
    {
      key: "last",
      title: text.last,
      width: 110,
      isNarrow: true,
      render: (row) => <Time at={row.last.at} ago />,
    },
  ];
  return (
    <>
      <TextFilter value={q} onChange={(typed) => change({ q: typed })} label={text.filterRefused} />
      <Paper bg="var(--vg-surface)" withBorder mt="sm" style={{ overflow: "hidden" }}>
        {rows.length > 0 ? (
          <ListTable
            label={text.refused}
            columns={columns}
            rows={rows.slice(0, SHOWN)}
            rowKey={(row) => row.key}
          />
        ) : refusals.length > 0 ? (
          <Empty icon={IconSearchOff} title={text.noMatch}>
            {text.noMatchHelp}
          </Empty>
        ) : (
          <Empty icon={IconDoorEnter} title={text.noRefusals}>
            {text.noRefusalsHelp}
          </Empty>
        )}
      </Paper>
      {rows.length > SHOWN && (
        <Text size="sm" c="dimmed" mt="sm">
          {text.firstOf(SHOWN, rows.length)}
        </Text>
      )}
    </>
  );
}
