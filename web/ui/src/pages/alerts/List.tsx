import { Anchor, Button, Group, Select } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { IconBellCheck, IconBellOff, IconSearchOff } from "@tabler/icons-react";
import { useMemo } from "react";
import { Link } from "wouter";

import { api, result, type Schemas } from "../../api/client";
import { may, useMe } from "../../api/me";
import { Empty } from "../../components/Empty";
import { type Mood, State } from "../../components/State";
import type { Column } from "../../components/table/columns";
import { OlderTable } from "../../components/table/ListTable";
import { AT_ONCE, useOlder } from "../../components/table/older";
import { TextFilter } from "../../components/TextFilter";
import { Time } from "../../components/Time";
import { address, cleared, stationAddress, useParameters } from "../../lib/location";
import { useTopic } from "../../live/live";
import { useText } from "./text";

type Alert = Schemas["Alert"];
type Wanted = Partial<Record<(typeof FILTERS)[number], string>>;
type Text = ReturnType<typeof useText>;

const FILTERS = ["status", "severity", "station"] as const;
const SEVERITIES = ["info", "warning", "error", "danger"] as const;
const STATUSES = ["held", "open", "muted", "ending", "recovered", "replaced", "passed"] as const;
export const MOODS: Record<Alert["severity"], Mood> = {
  info: "quiet",
  warning: "warning",
  error: "bad",
  danger: "bad",
};

/** The alerts that are open, as they come and go. */
export function Open() {
  const text = useText();
  const list = useAlerts({ status: "open" });
  const columns = useColumns(text).filter((column) => column.key !== "status" && column.key !== "ended");
  return (
    <OlderTable
      label={text.open}
      list={list}
      columns={columns}
      rowKey={(row) => row.id}
      empty={
        <Empty icon={IconBellCheck} title={text.noneOpen}>
          {text.noneOpenHelp}
        </Empty>
      }
    />
  );
}

/** All alerts that are kept, filtered. */
export function History() {
  const text = useText();
  const [parameters, change] = useParameters();
  const list = useAlerts(Object.fromEntries(FILTERS.map((name) => [name, parameters[name]])));
  const columns = useColumns(text);
  const isFiltered = FILTERS.some((name) => parameters[name] !== undefined);
  const choices = [
    [
      "status",
      text.status,
      text.anyStatus,
      STATUSES.map((value) => ({ value, label: text.statuses[value] })),
    ],
    [
      "severity",
      text.severity,
      text.anySeverity,
      SEVERITIES.map((value) => ({ value, label: text.severities[value] })),
    ],
  ] as const;
  return (
    <>
      <Group gap="xs" mb="sm">
        <TextFilter
          value={parameters.station ?? ""}
          onChange={(station) => change({ station })}
          label={text.identity}
        />
        {choices.map(([name, label, any, data]) => (
          <Select
            key={name}
            aria-label={label}
            placeholder={any}
            data={data}
            value={parameters[name] ?? null}
            onChange={(value) => change({ [name]: value ?? undefined })}
            clearable
            w={170}
          />
        ))}
      </Group>
      <OlderTable
        label={text.history}
        list={list}
        columns={columns}
        rowKey={(row) => row.id}
        empty={
          isFiltered ? (
            <Empty icon={IconSearchOff} title={text.noMatch}>
              {text.noMatchHelp}
              <br />
              <Button mt="sm" variant="default" onClick={() => change(cleared(FILTERS))}>
                {text.clear}
              </Button>
            </Empty>
          ) : (
            <Empty icon={IconBellOff} title={text.none}>
              {text.noneHelp}
            </Empty>
          )
        }
      />
    </>
  );
}

/** Return the alerts that are wanted, asked for anew when those that are open have changed. */
function useAlerts(wanted: Wanted) {
  const client = useQueryClient();
  useTopic({ subscribe: "alerts" }, () => void client.invalidateQueries({ queryKey: ["alerts", "list"] }));
  const status = STATUSES.find((known) => known === wanted.status);
  const severity = SEVERITIES.find((known) => known === wanted.severity);
  const query = { status: status && [status], severity, station: wanted.station, limit: AT_ONCE };
  return useOlder<Alert>(["alerts", "list", query], (cursor, signal) =>
    result(api.GET("/api/v1/alerts", { params: { query: { ...query, cursor } }, signal })),
  );
}

function useColumns(text: Text): Column<Alert>[] {
  const me = useMe();
  return useMemo(() => {
    const columns: Column<Alert>[] = [
      {
        key: "severity",
        title: text.severity,
        width: 120,
        isNarrow: true,
        render: (row) => <State mood={MOODS[row.severity]}>{text.severities[row.severity]}</State>,
      },
      { key: "title", title: text.alert, width: 220, isNarrow: true, render: (row) => row.title },
      {
        key: "station",
        title: text.station,
        width: 130,
        render: (row) => row.station !== null && <StationLink identity={row.station} />,
      },
      { key: "backend", title: text.backend, width: 100, render: (row) => row.backend },
      { key: "rule", title: text.rule, width: 100, render: (row) => row.rule },
      {
        key: "status",
        title: text.status,
        width: 120,
        render: (row) => (
          <State mood={row.status === "open" ? "busy" : "quiet"}>{text.statuses[row.status]}</State>
        ),
      },
      { key: "at", title: text.since, width: 100, isNarrow: true, render: (row) => <Time at={row.at} /> },
      {
        key: "ended",
        title: text.ended,
        width: 100,
        render: (row) => row.ended !== null && <Time at={row.ended} />,
      },
    ];
    if (may(me, "operator")) {
      columns.push({
        key: "mute",
        title: text.doMute,
        width: 100,
        render: (row) => (
          <Button
            component={Link}
            href={address("/alerts/mutes", {
              event: row.event,
              station: row.station ?? undefined,
              backend: row.backend ?? undefined,
            })}
            size="compact-sm"
            variant="default"
            aria-label={text.muteOf(row.title)}
          >
            {text.mute}
          </Button>
        ),
      });
    }
    return columns;
  }, [text, me]);
}

function StationLink({ identity }: { identity: string }) {
  return (
    <Anchor component={Link} href={stationAddress(identity)} size="sm" c="var(--vg-accent)">
      {identity}
    </Anchor>
  );
}
