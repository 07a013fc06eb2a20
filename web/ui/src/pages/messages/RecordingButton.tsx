import { Button, Group, NumberInput, Popover, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { IconCircleFilled, IconPlayerRecord } from "@tabler/icons-react";
import { type SubmitEvent, useState } from "react";

import { api, result, type Schemas } from "../../api/client";
import { Failure } from "../../components/Failure";
import { Facts } from "../../components/Facts";
import { useFormat } from "../../lib/format";
import { isRecording, useRecordings } from "./recordings";
import { useText } from "./text";

/** Says whose messages are written to the log, and lets more be. */
export function RecordingButton() {
  const text = useText();
  const recordings = useRecordings();
  const isOn = recordings.data !== undefined && isRecording(recordings.data);
  const said = isOn ? text.recordingOn : text.recordingOff;
  return (
    <Popover position="bottom-end" trapFocus width={340} withinPortal>
      <Popover.Target>
        <Button
          variant="default"
          leftSection={
            isOn ? (
              <IconCircleFilled size={14} color="var(--vg-bad)" aria-hidden />
            ) : (
              <IconPlayerRecord size={16} aria-hidden />
            )
          }
        >
          {recordings.data === undefined ? text.recording : said}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={text.recording}>
        <Stack gap="sm">
          {recordings.error !== null && <Failure error={recordings.error} />}
          {recordings.data !== undefined && <State recordings={recordings.data} />}
          <Form isAsked={recordings.data !== undefined && namesOf(recordings.data.asked, text) !== ""} />
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

function State({ recordings }: { recordings: Schemas["Recordings"] }) {
  const text = useText();
  const format = useFormat();
  const { asked, configured, logs } = recordings;
  const sum = (pick: (log: Schemas["LogState"]) => number) =>
    logs.reduce((whole, log) => whole + pick(log), 0);
  const dropped = sum((log) => log.dropped);
  const until = asked.until === null ? "" : ` ${text.askedUntil(format.short(asked.until))}`;
  return (
    <>
      <Facts
        facts={[
          [text.configured, namesOf(configured, text) || text.nobody],
          [text.asked, (namesOf(asked, text) || text.nobody) + until],
        ]}
      />
      <Text size="xs" c="dimmed">
        {text.size(format.count(sum((log) => log.written)), format.number(sum((log) => log.bytes) / 1e6))}
        {dropped > 0 && ` ${text.dropped(dropped)}`}
      </Text>
      {logs.map((log) => log.problem !== null && <Failure key={log.node ?? ""} error={log.problem} />)}
    </>
  );
}

function namesOf(recording: Schemas["Recording"], text: ReturnType<typeof useText>): string {
  const parts = [...recording.stations];
  if (recording.routes.length > 0) parts.push(text.routes(recording.routes.join(", ")));
  return parts.join(", ");
}

function Form({ isAsked }: { isAsked: boolean }) {
  const text = useText();
  const client = useQueryClient();
  const [globs, setGlobs] = useState("*");
  const [hours, setHours] = useState<number | string>(1);
  const change = useMutation({
    mutationFn: (body: { stations: string[]; hours: number | null }) =>
      result(api.PUT("/api/v1/messages/recording", { body })),
    onSuccess: (now) => {
      client.setQueryData(["recordings"], now);
    },
  });
  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    const stations = globs.split(/[\s,]+/).filter((glob) => glob !== "");
    change.mutate({ stations, hours: typeof hours === "number" ? hours : null });
  }
  return (
    <form onSubmit={submit}>
      <Stack gap="xs">
        <TextInput
          label={text.globs}
          value={globs}
          onChange={(event) => setGlobs(event.currentTarget.value)}
          required
        />
        <NumberInput label={text.hours} value={hours} onChange={setHours} min={1} max={8760} />
        {isAsked && (
          <Text size="xs" c="dimmed">
            {text.replaces}
          </Text>
        )}
        {change.error !== null && <Failure error={change.error} />}
        <Group gap="xs">
          <Button type="submit" loading={change.isPending}>
            {text.record}
          </Button>
          {isAsked && (
            <Button variant="default" onClick={() => change.mutate({ stations: [], hours: null })}>
              {text.stop}
            </Button>
          )}
        </Group>
      </Stack>
    </form>
  );
}
