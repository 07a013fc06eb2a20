import { Paper, Skeleton, Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconListCheck } from "@tabler/icons-react";

import { api, result, type Schemas } from "../../api/client";
import { Empty } from "../../components/Empty";
import { Failure } from "../../components/Failure";
import { State } from "../../components/State";
import type { Column } from "../../components/table/columns";
import { ListTable } from "../../components/table/ListTable";
import { useFormat } from "../../lib/format";
import { MOODS } from "./List";
import { useText } from "./text";

type Rule = Schemas["Rule"];

/** Events that are named; of more the number. */
const NAMED = 4;

export function useRules() {
  return useQuery({ queryKey: ["alerts", "rules"], queryFn: () => result(api.GET("/api/v1/alerts/rules")) });
}

/** What is told to whom, as it is configured. */
export function Rules() {
  const text = useText();
  const format = useFormat();
  const rules = useRules();
  if (rules.error) return <Failure error={rules.error} retry={() => void rules.refetch()} />;
  if (rules.data === undefined) return <Skeleton height={120} aria-busy />;
  const columns: Column<Rule>[] = [
    { key: "name", title: text.rule, width: 120, isNarrow: true, render: (row) => row.name },
    {
      key: "events",
      title: text.events,
      width: 220,
      isNarrow: true,
      render: ({ events }) =>
        events.length <= NAMED ? (
          events.join(", ")
        ) : (
          <Tooltip label={events.join(", ")} multiline maw={420}>
            <span tabIndex={0}>{text.eventCount(events.length)}</span>
          </Tooltip>
        ),
    },
    {
      key: "severity",
      title: text.severity,
      width: 110,
      render: (row) => <State mood={MOODS[row.severity]}>{text.severities[row.severity]}</State>,
    },
    {
      key: "stations",
      title: text.station,
      width: 130,
      render: (row) => row.stations.join(", ") || text.all,
    },
    { key: "tags", title: text.tags, width: 90, render: (row) => row.tags.join(", ") },
    {
      key: "backends",
      title: text.backend,
      width: 110,
      render: (row) => row.backends.join(", ") || text.all,
    },
    { key: "channels", title: text.to, width: 120, isNarrow: true, render: (row) => row.channels.join(", ") },
    {
      key: "hold",
      title: text.hold,
      width: 110,
      isNumeric: true,
      render: (row) => format.duration(row.hold),
    },
    {
      key: "group",
      title: text.group,
      width: 120,
      isNumeric: true,
      render: (row) => format.duration(row.group),
    },
    {
      key: "recovery",
      title: text.recovery,
      width: 110,
      render: (row) => (row.recovery ? text.yes : text.no),
    },
  ];
  return (
    <Paper bg="var(--vg-surface)" withBorder>
      {rules.data.items.length === 0 ? (
        <Empty icon={IconListCheck} title={text.noRules}>
          {text.noRulesHelp}
        </Empty>
      ) : (
        <ListTable label={text.rules} columns={columns} rows={rules.data.items} rowKey={(row) => row.name} />
      )}
    </Paper>
  );
}
