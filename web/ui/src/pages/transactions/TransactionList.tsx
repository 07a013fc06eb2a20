import { Box, Button, Group, Paper, SegmentedControl, Select, Skeleton, Text } from "@mantine/core";
import { IconBolt, IconDownload, IconSearchOff } from "@tabler/icons-react";
import { useMemo } from "react";

import { useMe } from "../../api/me";
import { networkOf, useNetworks } from "../../api/networks";
import { Empty } from "../../components/Empty";
import { Failure } from "../../components/Failure";
import { MoreFilters } from "../../components/MoreFilters";
import { PageHead } from "../../components/PageHead";
import { OlderTable } from "../../components/table/ListTable";
import { useOlder } from "../../components/table/older";
import { TextFilter } from "../../components/TextFilter";
import { TimeFilter } from "../../components/TimeFilter";
import { isUnmanaged, Unmanaged } from "../../components/Unmanaged";
import { useFormat } from "../../lib/format";
import { useParameters } from "../../lib/location";
import {
  askTransactions,
  csvOf,
  type Filters as Wanted,
  filtersOf,
  isFiltered,
  NO_FILTER,
  type Transaction,
  transactionAddress,
  REFRESH,
  useTotals,
} from "./asking";
import { columnsOf } from "./columns";
import { useText } from "./text";

/** Transactions of the management system, the newest first: filters stand in the address. */
export function TransactionList() {
  const text = useText();
  const format = useFormat();
  const [parameters, change] = useParameters();
  const me = useMe();
  const filters = useMemo(
    () => ({ ...filtersOf(parameters), network: networkOf(me, parameters.network) }),
    [parameters, me],
  );
  const list = useOlder<Transaction>(
    ["transactions", "list", filters],
    (cursor, signal) => askTransactions(filters, cursor, signal),
    REFRESH,
  );
  const columns = useMemo(() => columnsOf(text, format), [text, format]);
  if (isUnmanaged(list.error)) {
    return (
      <>
        <PageHead title={text.title} />
        <Paper withBorder bg="var(--vg-surface)">
          <Unmanaged />
        </Paper>
      </>
    );
  }
  return (
    <>
      <PageHead title={text.title} about={text.about}>
        <Button
          component="a"
          href={csvOf(filters)}
          download="transactions.csv"
          variant="default"
          leftSection={<IconDownload size={16} aria-hidden />}
        >
          {text.export}
        </Button>
      </PageHead>
      <Filters parameters={parameters} change={change} />
      <Totals filters={filters} />
      <OlderTable
        label={text.title}
        columns={columns}
        rowKey={transactionAddress}
        list={list}
        empty={isFiltered(parameters) ? <NoMatch clear={() => change(NO_FILTER)} /> : <None />}
      />
    </>
  );
}

function NoMatch({ clear }: { clear: () => void }) {
  const text = useText();
  return (
    <Empty icon={IconSearchOff} title={text.noMatch}>
      {text.noMatchHelp}
      <br />
      <Button mt="sm" variant="default" onClick={clear}>
        {text.clear}
      </Button>
    </Empty>
  );
}

function None() {
  const text = useText();
  return (
    <Empty icon={IconBolt} title={text.none}>
      {text.noneHelp}
    </Empty>
  );
}

/** What all transactions come to that the filters leave. */
function Totals({ filters }: { filters: Wanted }) {
  const text = useText();
  const format = useFormat();
  const totals = useTotals(filters);
  if (totals.error !== null) {
    return (
      <Box mb="sm">
        <Failure error={totals.error} retry={() => void totals.refetch()} />
      </Box>
    );
  }
  if (totals.data === undefined) return <Skeleton height={40} mb="sm" />;
  const items = [...totals.data.items].sort((one, other) => other.currency.localeCompare(one.currency));
  if (items.length === 0) return null;
  return (
    <Paper
      withBorder
      bg="var(--vg-surface)"
      px="md"
      py="xs"
      mb="sm"
      component="section"
      aria-label={text.totals}
    >
      {items.map((one) => (
        <Group key={one.currency} gap="2px 24px">
          <Text size="sm" fw={650}>
            {text.count(one.transactions)}
            {one.currency === "" && items.length > 1 && ` ${text.withoutCost}`}
          </Text>
          {one.energy > 0 && <Text size="sm">{format.energy(one.energy)}</Text>}
          {one.seconds > 0 && <Text size="sm">{format.duration(one.seconds)}</Text>}
          {one.cost && <Text size="sm">{format.money(one.cost.amount, one.cost.currency)}</Text>}
        </Group>
      ))}
    </Paper>
  );
}

function Filters({
  parameters,
  change,
}: {
  parameters: Record<string, string>;
  change: (changes: Record<string, string | undefined>) => void;
}) {
  const text = useText();
  const me = useMe();
  const networks = useNetworks();
  const more = ["token", "network", "began_from", "began_to"];
  return (
    <Group gap="xs" mb="sm">
      <TextFilter
        value={parameters.station ?? ""}
        onChange={(station) => change({ station })}
        label={text.station}
        width={150}
      />
      <SegmentedControl
        aria-label={text.state}
        value={parameters.state ?? ""}
        onChange={(state) => change({ state })}
        data={[
          { value: "", label: text.all },
          { value: "running", label: text.states.running },
          { value: "ended", label: text.states.ended },
        ]}
      />
      <MoreFilters inUse={more.filter((name) => parameters[name]).length}>
        <TextFilter
          value={parameters.token ?? ""}
          onChange={(token) => change({ token })}
          label={text.token}
          width={150}
          isSearch={false}
        />
        {(networks.length > 1 || parameters.network) && (
          <Select
            aria-label={text.network}
            placeholder={text.anyNetwork}
            data={networks.map(({ id, name }) => ({ value: id, label: name || id }))}
            value={networkOf(me, parameters.network) ?? null}
            onChange={(network) => change({ network: network ?? undefined })}
            clearable
            w={150}
          />
        )}
        <Group gap="xs">
          <TimeFilter
            value={parameters.began_from}
            onChange={(at) => change({ began_from: at })}
            label={text.from}
          />
          <TimeFilter
            value={parameters.began_to}
            onChange={(at) => change({ began_to: at })}
            label={text.to}
          />
        </Group>
      </MoreFilters>
      {isFiltered(parameters) && (
        <Button variant="default" onClick={() => change(NO_FILTER)}>
          {text.clear}
        </Button>
      )}
    </Group>
  );
}
