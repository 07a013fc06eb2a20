import { Box, Button, Group, ScrollArea, SegmentedControl, Skeleton, Text } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { lazy, Suspense, useMemo, useState } from "react";

import { Failure } from "../../components/Failure";
import { Panel } from "../../components/Panel";
import type { Column } from "../../components/table/columns";
import { ListTable } from "../../components/table/ListTable";
import { Time } from "../../components/Time";
import { type Format, useFormat } from "../../lib/format";
import { MOST, readingsCsvOf, type TransactionInFull, useReadings } from "./asking";
import { type Point, pointsOf } from "./curve";
import { useText } from "./text";

const Curve = lazy(() => import("./Curve"));
/** Rows of the table; the CSV has all. */
const ROWS = 500;

/** Power and energy of a transaction over its time: drawn, or as a table. */
export function MeterValues({ transaction }: { transaction: TransactionInFull }) {
  const text = useText();
  const { station, ref, state } = transaction;
  const [isTable, setTable] = useState(false);
  const readings = useReadings(station, ref, state === "running");
  const points = useMemo(
    () => (readings.data === undefined ? undefined : pointsOf(transaction, readings.data)),
    [transaction, readings.data],
  );
  return (
    <Panel
      title={text.curve}
      side={
        <Group gap="xs">
          <SegmentedControl
            size="xs"
            aria-label={text.shownAs}
            value={isTable ? "table" : "plot"}
            onChange={(shown) => setTable(shown === "table")}
            data={[
              { value: "plot", label: text.asPlot },
              { value: "table", label: text.asTable },
            ]}
          />
          <Button
            component="a"
            href={readingsCsvOf(station, ref)}
            download="meter-values.csv"
            size="compact-sm"
            variant="default"
            leftSection={<IconDownload size={14} aria-hidden />}
          >
            CSV
          </Button>
        </Group>
      }
      padded={!isTable}
    >
      {readings.error !== null && (
        <Box p={isTable ? "md" : 0}>
          <Failure error={readings.error} retry={() => void readings.refetch()} />
        </Box>
      )}
      {points === undefined && readings.error === null && <Skeleton height={260} aria-busy />}
      {points !== undefined && <Shown points={points} isTable={isTable} />}
      {(readings.data?.length ?? 0) >= MOST && <Cut>{text.cut(MOST)}</Cut>}
    </Panel>
  );
}

function Shown({ points, isTable }: { points: readonly Point[]; isTable: boolean }) {
  const text = useText();
  const format = useFormat();
  const columns = useMemo(() => columnsOf(text, format), [text, format]);
  if (points.length === 0) return <Cut>{text.noReadings}</Cut>;
  if (!isTable) {
    return (
      <Suspense fallback={<Skeleton height={260} aria-busy />}>
        <Curve points={points} />
      </Suspense>
    );
  }
  return (
    <ScrollArea.Autosize mah={400}>
      <ListTable
        label={text.curve}
        columns={columns}
        rows={points.slice(-ROWS)}
        rowKey={(point) => String(point.at)}
      />
      {points.length > ROWS && <Cut>{text.cut(ROWS)}</Cut>}
    </ScrollArea.Autosize>
  );
}

function Cut({ children }: { children: string }) {
  return (
    <Text p="md" size="sm" c="dimmed">
      {children}
    </Text>
  );
}

function columnsOf(text: ReturnType<typeof useText>, format: Format): Column<Point>[] {
  return [
    { key: "at", title: text.time, width: 120, isFixed: true, render: ({ at }) => <Time at={at * 1000} /> },
    {
      key: "power",
      title: text.power,
      width: 100,
      isNumeric: true,
      isNarrow: true,
      render: ({ power }) => (power === null ? "–" : format.power(power)),
    },
    {
      key: "energy",
      title: text.energy,
      width: 100,
      isNumeric: true,
      isNarrow: true,
      render: ({ energy }) => (energy === null ? "–" : format.energy(energy)),
    },
  ];
}
