import {
  Autocomplete,
  Button,
  Group,
  Paper,
  Select,
  SimpleGrid,
  Skeleton,
  Stack,
  Text,
  TextInput,
} from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { IconBellRinging } from "@tabler/icons-react";
import { useState } from "react";

import { api, result, type Schemas } from "../../api/client";
import { may, useMe } from "../../api/me";
import { Confirm } from "../../components/Confirm";
import { Empty } from "../../components/Empty";
import { Failure } from "../../components/Failure";
import { Panel } from "../../components/Panel";
import { State } from "../../components/State";
import type { Column } from "../../components/table/columns";
import { ListTable } from "../../components/table/ListTable";
import { Time } from "../../components/Time";
import { useParameters } from "../../lib/location";
import { useRules } from "./Rules";
import { useText } from "./text";
import { type Form, isEverything, literally, wantedMute } from "./wanted";

type Mute = Schemas["Mute"];
type Text = ReturnType<typeof useText>;

const KEY = ["alerts", "mutes"];
const LENGTHS = ["3600", "7200", "28800", "86400", "604800", ""] as const;

/** What operators have muted, and a form to mute more. */
export function Mutes() {
  const text = useText();
  const me = useMe();
  const mutes = useQuery({
    queryKey: KEY,
    queryFn: () => result(api.GET("/api/v1/alerts/mutes")),
    refetchInterval: 30_000,
  });
  const columns = columnsOf(text);
  if (may(me, "operator")) {
    columns.push({
      key: "unmute",
      title: text.unmute,
      width: 140,
      isNarrow: true,
      render: (row) => row.active && <Unmute mute={row} />,
    });
  }
  return (
    <Stack>
      {may(me, "operator") && <NewMute />}
      {mutes.error && <Failure error={mutes.error} retry={() => void mutes.refetch()} />}
      {mutes.data === undefined ? (
        !mutes.error && <Skeleton height={120} aria-busy />
      ) : (
        <Paper bg="var(--vg-surface)" withBorder>
          {mutes.data.items.length === 0 ? (
            <Empty icon={IconBellRinging} title={text.noMutes}>
              {text.noMutesHelp}
            </Empty>
          ) : (
            <ListTable
              label={text.mutes}
              columns={columns}
              rows={mutes.data.items}
              rowKey={(row) => row.id}
            />
          )}
        </Paper>
      )}
    </Stack>
  );
}

function columnsOf(text: Text): Column<Mute>[] {
  const patterns = (all: string[]) => (all.join() === "*" ? text.all : all.join(", "));
  return [
    {
      key: "active",
      title: text.status,
      width: 110,
      render: (row) => (
        <State mood={row.active ? "warning" : "quiet"}>{row.active ? text.muted : text.over}</State>
      ),
    },
    {
      key: "events",
      title: text.events,
      width: 150,
      isNarrow: true,
      render: (row) => patterns(row.events),
    },
    {
      key: "stations",
      title: text.muteStations,
      width: 150,
      isNarrow: true,
      render: (row) => patterns(row.stations),
    },
    { key: "backends", title: text.muteBackends, width: 120, render: (row) => patterns(row.backends) },
    { key: "reason", title: text.reason, width: 160, render: (row) => row.reason },
    { key: "by", title: text.by, width: 110, render: (row) => row.by },
    { key: "at", title: text.since, width: 120, render: (row) => <Time at={row.at} /> },
    {
      key: "until",
      title: text.until,
      width: 130,
      render: (row) => (row.until === null ? text.untilTaken : <Time at={row.until} />),
    },
  ];
}

function Unmute({ mute }: { mute: Mute }) {
  const text = useText();
  const client = useQueryClient();
  const taking = useMutation({
    mutationFn: () => api.DELETE("/api/v1/alerts/mutes/{id}", { params: { path: { id: mute.id } } }),
    onSettled: () => client.invalidateQueries({ queryKey: KEY }),
  });
  return (
    <>
      <Button
        size="compact-sm"
        variant="default"
        loading={taking.isPending}
        aria-label={text.unmuteOf(`${mute.events.join(", ")} · ${mute.stations.join(", ")}`)}
        onClick={() => taking.mutate()}
      >
        {text.unmute}
      </Button>
      {taking.error && <Failure error={taking.error} />}
    </>
  );
}

/** A form, filled in by the address: from an alert one comes here with what it is of. */
function NewMute() {
  const text = useText();
  const client = useQueryClient();
  const [parameters, change] = useParameters();
  const rules = useRules();
  const [form, setForm] = useState<Form>({
    events: parameters.event ?? "",
    stations: literally(parameters.station ?? ""),
    backends: literally(parameters.backend ?? ""),
    seconds: "7200",
    reason: "",
  });
  const [isAsked, setAsked] = useState(false);
  const wanted = wantedMute(form);
  const muting = useMutation({
    mutationFn: () => result(api.POST("/api/v1/alerts/mutes", { body: wanted })),
    onSettled: () => setAsked(false),
    onSuccess: () => {
      setForm((before) => ({ ...before, events: "", stations: "", backends: "", reason: "" }));
      change({ event: undefined, station: undefined, backend: undefined });
      return client.invalidateQueries({ queryKey: KEY });
    },
  });
  const set = (name: keyof Form) => (value: string) => setForm((before) => ({ ...before, [name]: value }));
  const known = [...new Set(rules.data?.items.flatMap((rule) => rule.events))].sort();
  return (
    <Panel title={text.newMute}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (isEverything(wanted)) setAsked(true);
          else muting.mutate();
        }}
      >
        <Stack gap="sm">
          <Text size="sm" c="dimmed">
            {text.patterns}. {text.willMute}
          </Text>
          <SimpleGrid cols={{ base: 1, sm: 2, lg: 5 }}>
            <Autocomplete
              label={text.muteEvents}
              placeholder="*"
              data={known}
              limit={50}
              value={form.events}
              onChange={set("events")}
            />
            <TextInput
              label={text.muteStations}
              placeholder="*"
              value={form.stations}
              onChange={(event) => set("stations")(event.currentTarget.value)}
            />
            <TextInput
              label={text.muteBackends}
              placeholder="*"
              value={form.backends}
              onChange={(event) => set("backends")(event.currentTarget.value)}
            />
            <Select
              label={text.muteFor}
              data={LENGTHS.map((value) => ({ value, label: text.hours[value] }))}
              value={form.seconds}
              onChange={(value) => set("seconds")(value ?? "")}
              allowDeselect={false}
            />
            <TextInput
              label={text.reason}
              maxLength={300}
              value={form.reason}
              onChange={(event) => set("reason")(event.currentTarget.value)}
            />
          </SimpleGrid>
          {muting.error && <Failure error={muting.error} />}
          <Group justify="flex-end">
            <Button type="submit" loading={muting.isPending}>
              {text.doMute}
            </Button>
          </Group>
        </Stack>
      </form>
      <Confirm
        title={text.muteAll}
        action={text.doMute}
        isOpen={isAsked}
        isRunning={muting.isPending}
        error={null}
        onConfirm={() => muting.mutate()}
        onClose={() => setAsked(false)}
      >
        {text.muteAllHelp}
      </Confirm>
    </Panel>
  );
}
