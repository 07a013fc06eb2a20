import { Anchor, Button } from "@mantine/core";
import { Link } from "wouter";

import type { Schemas } from "../../api/client";
import { State } from "../../components/State";
import type { Column } from "../../components/table/columns";
import { Time } from "../../components/Time";
import { stationAddress } from "../../lib/location";
import type { useText } from "./text";

export type Claim = Schemas["ClaimOfAll"];

/** Return the columns of the list of claims; with what withdraws one, for who may. */
export function columnsOf(
  text: ReturnType<typeof useText>,
  withdraw: ((claim: Claim) => void) | undefined,
): Column<Claim>[] {
  const columns: Column<Claim>[] = [
    {
      key: "station",
      title: text.station,
      width: 120,
      grow: 1.4,
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
      text: (row) => row.station,
    },
    {
      key: "backend",
      title: text.claimedBy,
      width: 90,
      isNarrow: true,
      render: (row) => row.backend,
      text: (row) => row.backend,
    },
    {
      key: "holds",
      title: text.getsIt,
      width: 150,
      render: (row) => (
        <State mood={row.holds ? "good" : "quiet"}>{row.holds ? text.holds : text.holdsNot}</State>
      ),
      text: (row) => String(row.holds),
    },
    {
      key: "contested",
      title: text.contests,
      width: 110,
      isNarrow: true,
      render: (row) => row.contested && <State mood="warning">{text.contested}</State>,
      text: (row) => String(row.contested),
    },
    {
      key: "since",
      title: text.since,
      width: 120,
      render: (row) => <Time at={row.since} />,
      text: (row) => row.since,
    },
    {
      key: "renewed",
      title: text.renewed,
      width: 120,
      render: (row) => <Time at={row.renewed} />,
      text: (row) => row.renewed,
    },
    { key: "by", title: text.by, width: 110, render: (row) => row.by, text: (row) => row.by },
  ];
  if (withdraw !== undefined) {
    columns.push({
      key: "withdraw",
      title: text.change,
      width: 140,
      render: (row) => (
        <Button
          size="compact-xs"
          variant="default"
          aria-label={text.withdrawOf(row.station, row.backend)}
          onClick={() => withdraw(row)}
        >
          {text.withdraw}
        </Button>
      ),
    });
  }
  return columns;
}
