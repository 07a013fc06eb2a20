import { Anchor } from "@mantine/core";
import { Link } from "wouter";

import { State } from "../../components/State";
import type { Column } from "../../components/table/columns";
import { Time } from "../../components/Time";
import type { Format } from "../../lib/format";
import { stationAddress } from "../../lib/location";
import { type Transaction, transactionAddress } from "./asking";
import type { useText } from "./text";

/** Return the columns of the list of transactions. */
export function columnsOf(text: ReturnType<typeof useText>, format: Format): Column<Transaction>[] {
  return [
    {
      key: "ref",
      title: text.transaction,
      width: 130,
      isFixed: true,
      render: (row) => (
        <Anchor component={Link} href={transactionAddress(row)} size="sm" fw={550} c="var(--vg-accent)">
          {row.ref}
        </Anchor>
      ),
    },
    {
      key: "state",
      title: text.state,
      width: 100,
      isNarrow: true,
      render: (row) => <StateOf transaction={row} text={text} />,
    },
    {
      key: "began",
      title: text.began,
      width: 120,
      render: (row) => row.began && <Time at={row.began} />,
    },
    {
      key: "station",
      title: text.station,
      width: 130,
      render: (row) => (
        <Anchor component={Link} href={stationAddress(row.station)} size="sm" c="var(--vg-accent)">
          {row.station}
        </Anchor>
      ),
    },
    { key: "token", title: text.token, width: 130, render: (row) => row.token },
    { key: "network", title: text.network, width: 90, render: (row) => row.network },
    {
      key: "duration",
      title: text.duration,
      width: 100,
      isNumeric: true,
      render: (row) => row.seconds !== null && format.duration(row.seconds),
    },
    {
      key: "energy",
      title: text.energy,
      width: 90,
      isNumeric: true,
      isNarrow: true,
      render: (row) => energyOf(row) !== null && format.energy(energyOf(row) ?? 0),
    },
    {
      key: "cost",
      title: text.cost,
      width: 90,
      isNumeric: true,
      render: (row) => row.cost && format.money(row.cost.amount, row.cost.currency),
    },
  ];
}

/** Return what was charged in Wh, of one that runs until now; null where that is not known. */
export function energyOf(row: Pick<Transaction, "energy" | "meter_start" | "meter_last">): number | null {
  if (row.energy !== null) return row.energy;
  return row.meter_last === null || row.meter_start === null ? null : row.meter_last - row.meter_start;
}

export function StateOf({
  transaction,
  text,
}: {
  transaction: Transaction;
  text: ReturnType<typeof useText>;
}) {
  const isRunning = transaction.state === "running";
  return <State mood={isRunning ? "good" : "quiet"}>{text.states[transaction.state]}</State>;
}
