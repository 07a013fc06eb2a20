import { Button, Group, Paper, Skeleton, Stack, Text } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { IconMessageOff, IconMessages, IconSearchOff } from "@tabler/icons-react";
import { useMemo } from "react";

import { api, result, type Schemas } from "../../api/client";
import { Empty } from "../../components/Empty";
import { Failure } from "../../components/Failure";
import { MissingNodes } from "../../components/MissingNodes";
import { useFormat } from "../../lib/format";
import { ExchangeList } from "./ExchangeList";
import { isRecording, useRecordings } from "./recordings";
import { callsOf } from "./said";
import { useText } from "./text";

export type LogFilters = {
  outcome?: "result" | "error" | "unanswered" | undefined;
} & Partial<Record<"station" | "action" | "backend" | "text" | "since" | "until", string>>;

const PART = 200;

/** Ask for a part of the log. */
export function askLog(
  filters: LogFilters,
  cursor: string | null,
  limit: number,
  signal?: AbortSignal,
): Promise<Schemas["MessagePage"]> {
  // Cursors are numbers of 63 bits, more than a number of JavaScript holds: they stay the texts that they came as.
  const query = { ...filters, limit, ...(cursor === null ? {} : { cursor: cursor as unknown as number }) };
  const headers = { Accept: "application/json" };
  return result(
    api.GET("/api/v1/messages", { params: { query }, headers, ...(signal === undefined ? {} : { signal }) }),
  );
}

/** The message log, the newest first. */
export function Log({ filters, clear }: { filters: LogFilters; clear: (() => void) | undefined }) {
  const text = useText();
  const format = useFormat();
  const log = useInfiniteQuery({
    queryKey: ["messages", "log", filters],
    queryFn: ({ pageParam, signal }) => askLog(filters, pageParam, PART, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
  });
  const calls = useMemo(() => callsOf(log.data?.pages.flatMap((page) => page.items) ?? []), [log.data]);
  const last = log.data?.pages.at(-1);
  const missing = [...new Set(log.data?.pages.flatMap((page) => page.missing ?? []))];
  return (
    <Stack gap="sm">
      {log.error !== null && <Failure error={log.error} retry={() => void log.refetch()} />}
      <MissingNodes nodes={missing} />
      {log.isLoading && <Skeleton height={240} aria-busy />}
      {log.data !== undefined && (
        <Paper withBorder bg="var(--vg-surface)">
          {calls.length > 0 && <ExchangeList calls={calls} isLog />}
          {calls.length === 0 && last?.next === null && <Nothing clear={clear} />}
          <Group p="md" justify="center">
            {last?.next === null && calls.length > 0 && (
              <Text size="sm" c="dimmed">
                {text.end}
              </Text>
            )}
            {last?.searched_to && last.next !== null && (
              <Text size="sm" c="dimmed">
                {text.searched(format.short(last.searched_to))}
              </Text>
            )}
            {log.hasNextPage && (
              <Button
                variant="default"
                loading={log.isFetchingNextPage}
                onClick={() => void log.fetchNextPage()}
              >
                {text.older}
              </Button>
            )}
          </Group>
        </Paper>
      )}
    </Stack>
  );
}

function Nothing({ clear }: { clear: (() => void) | undefined }) {
  const text = useText();
  const recordings = useRecordings();
  if (clear !== undefined) {
    return (
      <Empty icon={IconSearchOff} title={text.none}>
        {text.noneHelp}
        <br />
        <Button mt="sm" variant="default" onClick={clear}>
          {text.clear}
        </Button>
      </Empty>
    );
  }
  if (recordings.data !== undefined && !isRecording(recordings.data)) {
    return (
      <Empty icon={IconMessageOff} title={text.notRecorded}>
        {text.notRecordedHelp}
      </Empty>
    );
  }
  return (
    <Empty icon={IconMessages} title={text.nothing}>
      {text.nothingHelp}
    </Empty>
  );
}

/** Return all legs of a call: a filter may have left some of them out. */
export function useCall(station: string, call: string | null) {
  return useQuery({
    queryKey: ["messages", "call", station, call],
    queryFn: () => askCall(station, call ?? ""),
    enabled: call !== null,
  });
}

async function askCall(station: string, call: string): Promise<Schemas["LoggedMessage"][]> {
  const query = { station, call: call as unknown as number, limit: 1000 }; // 63 bits, as a cursor
  const headers = { Accept: "application/json" };
  const page = await result(api.GET("/api/v1/messages", { params: { query }, headers }));
  return page.items;
}
