import { Box, Button, Paper, Skeleton, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconCoins, IconPlus } from "@tabler/icons-react";
import { useState } from "react";

import { api, result } from "../../api/client";
import { may, useMe } from "../../api/me";
import { Empty } from "../../components/Empty";
import { Failure } from "../../components/Failure";
import { PageHead } from "../../components/PageHead";
import { type Mood, State } from "../../components/State";
import type { Column } from "../../components/table/columns";
import { ListTable } from "../../components/table/ListTable";
import { Time, useNow } from "../../components/Time";
import { isUnmanaged, Unmanaged } from "../../components/Unmanaged";
import { type Format, useFormat } from "../../lib/format";
import { type Standing, standings, type Tariff, tariffsOf } from "./tariff";
import { TariffActions } from "./TariffActions";
import { TariffForm } from "./TariffForm";
import { useText } from "./text";

/** `/tariffs`: what transactions cost. */
export default function Tariffs() {
  const text = useText();
  const format = useFormat();
  const isAdmin = may(useMe(), "admin");
  const [isAdding, setAdding] = useState(false);
  const now = useNow(60_000);
  const list = useQuery({
    queryKey: ["tariffs", "list"],
    queryFn: () => result(api.GET("/api/v1/tariffs", { params: { query: { limit: 1000 } } })),
  });
  if (isUnmanaged(list.error)) return <Unmanaged />;
  const rows = list.data && tariffsOf(list.data.items);
  const standing = standings(rows ?? [], Math.max(now, list.dataUpdatedAt)); // one that was put just now is in force
  return (
    <>
      <PageHead title={text.title} about={list.data && text.count(list.data.total)}>
        {isAdmin && (
          <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setAdding(true)}>
            {text.add}
          </Button>
        )}
      </PageHead>
      {list.error !== null && <Failure error={list.error} retry={() => void list.refetch()} />}
      {rows === undefined && list.error === null && <Skeleton height={160} aria-busy />}
      {rows !== undefined && (
        <Paper bg="var(--vg-surface)" withBorder style={{ overflow: "hidden" }}>
          {rows.length === 0 ? (
            <Empty icon={IconCoins} title={text.none}>
              {isAdmin ? text.noneHelp : text.noneHelpViewer}
            </Empty>
          ) : (
            <ListTable
              label={text.title}
              columns={columnsOf(text, format, standing, isAdmin)}
              rows={rows}
              rowKey={(row) => `${row.name} ${row.version}`}
            />
          )}
        </Paper>
      )}
      {isAdding && <TariffForm onClose={() => setAdding(false)} />}
    </>
  );
}

const MOODS: Record<Standing, Mood> = { current: "good", later: "busy", replaced: "quiet" };
type Text = ReturnType<typeof useText>;

function columnsOf(
  text: Text,
  format: Format,
  standing: ReadonlyMap<Tariff, Standing>,
  isAdmin: boolean,
): Column<Tariff>[] {
  const columns: Column<Tariff>[] = [
    {
      key: "name",
      title: text.name,
      width: 160,
      isFixed: true,
      render: (row) => (
        <Box>
          <Text size="sm" fw={550}>
            {row.name}
          </Text>
          <Text size="xs" c="dimmed">
            {text.version(row.version)}
            <Text span inherit hiddenFrom="sm">
              {` · ${text.states[standing.get(row) ?? "replaced"]}`}
            </Text>
          </Text>
        </Box>
      ),
    },
    {
      key: "state",
      title: text.state,
      width: 110,
      render: (row) => {
        const state = standing.get(row) ?? "replaced";
        return <State mood={MOODS[state]}>{text.states[state]}</State>;
      },
    },
    {
      key: "prices",
      title: text.prices,
      width: 320,
      isNarrow: true,
      render: (row) => prices(row, text, format),
    },
    { key: "for", title: text.forWhom, width: 160, render: (row) => audience(row, text) },
    { key: "since", title: text.since, width: 110, render: (row) => <Time at={row.since} isDay /> },
  ];
  if (isAdmin) {
    columns.push({
      key: "actions",
      title: text.actionsColumn,
      width: 90,
      isFixed: true,
      isNumeric: true,
      render: (row) => <TariffActions tariff={row} />,
    });
  }
  return columns;
}

function prices(row: Tariff, text: Text, format: Format): string {
  const kinds = ["per_kwh", "per_minute", "per_idle_minute", "per_session"] as const;
  const parts = kinds
    .filter((kind) => Number(row[kind]) !== 0)
    .map((kind) => text.short[kind](format.money(row[kind], row.currency, 6)));
  if (parts.length === 0) return text.free;
  if (Number(row.free_minutes) !== 0) parts.push(text.short.free(format.number(Number(row.free_minutes))));
  if (row.vat !== null) parts.push(text.short.vat(format.number(Number(row.vat))));
  return parts.join(", ");
}

function audience({ network, group }: Tariff, text: Text): string {
  const parts = [network && text.onlyNetwork(network), group && text.onlyGroup(group)].filter(Boolean);
  return parts.join(", ") || text.everybody;
}
