import { Anchor } from "@mantine/core";
import { Link } from "wouter";

import { type Mood, State } from "../../components/State";
import type { Column } from "../../components/table/columns";
import { Time } from "../../components/Time";
import { stationAddress } from "../../lib/location";
import type { Line } from "./query";
import type { useText } from "./text";

const MOODS: Record<string, Mood> = {
  passed: "good",
  refused: "warning",
  absorbed: "quiet",
  undelivered: "bad",
  failed: "bad",
};

export function columnsOf(text: ReturnType<typeof useText>): Column<Line>[] {
  const outcomes: Record<string, string> = text.outcomes;
  return [
    {
      key: "at",
      title: text.at,
      width: 120,
      isNarrow: true,
      render: (line) => <Time at={line.at} />,
      text: (line) => line.at,
    },
    {
      key: "who",
      title: text.who,
      width: 140,
      isNarrow: true,
      render: (line) => line.backend,
      text: (line) => line.backend,
    },
    {
      key: "address",
      title: text.address,
      width: 130,
      render: (line) => line.address,
      text: (line) => line.address,
    },
    {
      key: "action",
      title: text.action,
      width: 180,
      isNarrow: true,
      render: (line) => line.action,
      text: (line) => line.action,
    },
    {
      key: "station",
      title: text.station,
      width: 140,
      render: (line) =>
        line.station !== "" && (
          <Anchor component={Link} href={stationAddress(line.station)} size="sm" c="var(--vg-accent)">
            {line.station}
          </Anchor>
        ),
      text: (line) => line.station,
    },
    {
      key: "outcome",
      title: text.outcome,
      width: 150,
      render: (line) => (
        <State mood={MOODS[line.outcome] ?? "quiet"}>{outcomes[line.outcome] ?? line.outcome}</State>
      ),
      text: (line) => line.outcome,
    },
    {
      key: "answer",
      title: text.answer,
      width: 120,
      render: (line) => line.answer,
      text: (line) => line.answer,
    },
    {
      key: "detail",
      title: text.detail,
      width: 200,
      render: (line) => line.detail,
      text: (line) => line.detail,
    },
  ];
}
