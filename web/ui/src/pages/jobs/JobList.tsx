import { Anchor, Button, Group, SegmentedControl } from "@mantine/core";
import { IconListCheck, IconPlus } from "@tabler/icons-react";
import { Link } from "wouter";

import { api, result } from "../../api/client";
import { maySomewhere, useMe } from "../../api/me";
import { called, useCommandNames } from "../../components/commands/names";
import { Empty } from "../../components/Empty";
import { PageHead } from "../../components/PageHead";
import { State } from "../../components/State";
import { OlderTable } from "../../components/table/ListTable";
import { useOlder } from "../../components/table/older";
import { Time } from "../../components/Time";
import { isUnmanaged, Unmanaged } from "../../components/Unmanaged";
import { useParameters } from "../../lib/location";
import { type Job, JOB_MOODS, madeBy } from "./jobs";
import { JobProgress } from "./JobProgress";
import { useText } from "./text";

const REFRESH = 3_000;

/** All jobs, the last one first. */
export function JobList() {
  const text = useText();
  const names = useCommandNames();
  const me = useMe();
  const [parameters, change] = useParameters();
  const ended = parameters.ended === undefined ? undefined : parameters.ended === "true";
  const list = useOlder<Job>(
    ["jobs", "list", ended ?? null],
    (cursor, signal) => result(api.GET("/api/v1/jobs", { params: { query: { ended, cursor } }, signal })),
    REFRESH,
  );
  if (isUnmanaged(list.error)) return <Unmanaged />;
  return (
    <>
      <PageHead title={text.title} about={text.about}>
        {maySomewhere(me, "operator") && (
          <Button component={Link} href="/jobs/new" leftSection={<IconPlus size={16} aria-hidden />}>
            {text.make}
          </Button>
        )}
      </PageHead>
      <Group mb="sm">
        <SegmentedControl
          aria-label={text.which}
          value={parameters.ended ?? ""}
          onChange={(value) => change({ ended: value })}
          data={[
            { value: "", label: text.all },
            { value: "false", label: text.running },
            { value: "true", label: text.ended },
          ]}
        />
      </Group>
      <OlderTable
        label={text.title}
        list={list}
        rowKey={(row) => row.id}
        empty={
          <Empty icon={IconListCheck} title={ended === undefined ? text.none : text.noMatch}>
            {ended === undefined ? text.noneHelp : text.noMatchHelp}
          </Empty>
        }
        columns={[
          {
            key: "command",
            title: text.command,
            width: 190,
            isNarrow: true,
            render: (row) => (
              <Anchor component={Link} href={`/jobs/${encodeURIComponent(row.id)}`} size="sm" fw={550}>
                {called(names, row.command)}
              </Anchor>
            ),
          },
          {
            key: "state",
            title: text.state,
            width: 150,
            render: (row) => <State mood={JOB_MOODS[row.state]}>{text.states[row.state]}</State>,
          },
          {
            key: "progress",
            title: text.progress,
            width: 220,
            isNarrow: true,
            render: (row) => <JobProgress job={row} />,
          },
          { key: "by", title: text.by, width: 130, render: (row) => madeBy(row) },
          { key: "created", title: text.created, width: 110, render: (row) => <Time at={row.created} /> },
          {
            key: "ended",
            title: text.endedAt,
            width: 110,
            render: (row) => row.ended && <Time at={row.ended} />,
          },
        ]}
      />
    </>
  );
}
