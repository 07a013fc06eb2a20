import { Anchor, Button, Code, Group, Select, Skeleton, Stack, Text, Title } from "@mantine/core";
import { IconArrowLeft, IconListCheck } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "wouter";

import { maySomewhere, useMe } from "../../api/me";
import { Problem } from "../../api/problem";
import { called, useCommandNames } from "../../components/commands/names";
import { Confirm } from "../../components/Confirm";
import { Empty } from "../../components/Empty";
import { Facts } from "../../components/Facts";
import { Failure } from "../../components/Failure";
import { PageHead } from "../../components/PageHead";
import { Panel } from "../../components/Panel";
import { State } from "../../components/State";
import { OlderTable } from "../../components/table/ListTable";
import { Time } from "../../components/Time";
import { useFormat } from "../../lib/format";
import { stationAddress, useParameters } from "../../lib/location";
import { useCancelling, useItems, useJob } from "./asking";
import { ITEM_MOODS, ITEM_STATES, type Job, JOB_MOODS, madeBy, progressOf } from "./jobs";
import { JobProgress } from "./JobProgress";
import { useText } from "./text";

/** One job: how far it has come, and what each station said. */
export function JobPage({ id }: { id: string }) {
  const text = useText();
  const names = useCommandNames();
  const format = useFormat();
  const job = useJob(id);
  if (job.data === undefined) {
    if (job.error === null) return <Skeleton height={200} aria-busy />;
    return job.error instanceof Problem && job.error.status === 404 ? (
      <>
        <Back />
        <Empty icon={IconListCheck} title={text.notThere}>
          {text.notThereHelp}
        </Empty>
      </>
    ) : (
      <Failure error={job.error} retry={() => void job.refetch()} />
    );
  }
  const shown = job.data;
  return (
    <>
      <Back />
      <PageHead
        title={called(names, shown.command)}
        about={<State mood={JOB_MOODS[shown.state]}>{text.states[shown.state]}</State>}
      >
        <Cancel job={shown} />
      </PageHead>
      <Stack>
        <Panel title={text.progress}>
          <Stack>
            <JobProgress job={shown} />
            <Facts
              facts={[
                [text.by, madeBy(shown)],
                [text.created, <Time key="created" at={shown.created} />],
                shown.ended === null
                  ? [text.deadline, <Time key="deadline" at={shown.deadline} />]
                  : [text.endedAt, <Time key="ended" at={shown.ended} />],
                [text.rate, text.rateOf(format.number(shown.rate))],
                [text.away, text.aways[shown.away]],
              ]}
            />
            <div>
              <Text size="xs" c="dimmed">
                {text.parameters}
              </Text>
              {shown.parameters === null ? (
                <Text size="sm">{text.parametersRole}</Text>
              ) : (
                <Code block tabIndex={0}>
                  {JSON.stringify(shown.parameters, null, 2)}
                </Code>
              )}
            </div>
          </Stack>
        </Panel>
        <Title order={2} size="h4">
          {text.items}
        </Title>
        <Items job={shown} />
      </Stack>
    </>
  );
}

/** Cancels a job that runs, after a question: for those who see what it tells, and who made it. */
function Cancel({ job }: { job: Job }) {
  const text = useText();
  const format = useFormat();
  const me = useMe();
  const [isAsked, setAsked] = useState(false);
  const cancel = useCancelling(job.id, () => setAsked(false));
  const isMine = madeBy(job) === me.name;
  if (job.state !== "running" || !maySomewhere(me, "operator") || (job.parameters === null && !isMine))
    return null;
  return (
    <>
      <Button variant="default" onClick={() => setAsked(true)}>
        {text.cancel}
      </Button>
      <Confirm
        title={text.cancel}
        action={text.cancel}
        isOpen={isAsked}
        isRunning={cancel.isPending}
        error={cancel.error}
        onConfirm={() => cancel.mutate()}
        onClose={() => setAsked(false)}
      >
        {text.cancelWarning(format.count(progressOf(job).waiting))}
      </Confirm>
    </>
  );
}

function Items({ job }: { job: Job }) {
  const text = useText();
  const [parameters, change] = useParameters();
  const state = ITEM_STATES.find((each) => each === parameters.state);
  const list = useItems(job, state);
  return (
    <Stack gap="sm">
      <Select
        aria-label={text.state}
        placeholder={text.anyState}
        data={ITEM_STATES.map((each) => ({ value: each, label: text.itemStates[each] }))}
        value={state ?? null}
        onChange={(chosen) => change({ state: chosen ?? undefined })}
        clearable
        w={200}
      />
      <OlderTable
        label={text.items}
        list={list}
        rowKey={(row) => row.station}
        empty={
          <Empty icon={IconListCheck} title={text.noItems}>
            {text.noItemsHelp}
          </Empty>
        }
        columns={[
          {
            key: "station",
            title: text.station,
            width: 150,
            isNarrow: true,
            render: (row) => (
              <Anchor component={Link} href={stationAddress(row.station)} size="sm">
                {row.station}
              </Anchor>
            ),
          },
          {
            key: "state",
            title: text.state,
            width: 140,
            isNarrow: true,
            render: (row) => <State mood={ITEM_MOODS[row.state]}>{text.itemStates[row.state]}</State>,
          },
          { key: "answer", title: text.answer, width: 150, isNarrow: true, render: (row) => row.status },
          { key: "info", title: text.info, width: 260, render: (row) => row.info },
          { key: "at", title: text.at, width: 100, render: (row) => row.at && <Time at={row.at} /> },
          { key: "tries", title: text.tries, width: 80, isNumeric: true, render: (row) => row.tries },
        ]}
      />
    </Stack>
  );
}

export function Back() {
  const text = useText();
  return (
    <Anchor component={Link} href="/jobs" size="sm" c="dimmed" display="inline-flex" mb={4}>
      <Group gap={4} component="span">
        <IconArrowLeft size={14} aria-hidden /> {text.back}
      </Group>
    </Anchor>
  );
}
