import { Button, Checkbox, Group, Paper, Skeleton, Text } from "@mantine/core";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { IconDoorEnter, IconSearchOff } from "@tabler/icons-react";
import { useState } from "react";

import { api, result } from "../../api/client";
import { may, useMe } from "../../api/me";
import { Empty } from "../../components/Empty";
import { Failure } from "../../components/Failure";
import { MissingNodes } from "../../components/MissingNodes";
import type { Column } from "../../components/table/columns";
import { ListTable } from "../../components/table/ListTable";
import { TextFilter } from "../../components/TextFilter";
import { Time } from "../../components/Time";
import { useFormat } from "../../lib/format";
import { useParameters } from "../../lib/location";
import { useSoon } from "../../lib/soon";
import { useTopic } from "../../live/live";
import { LetIn } from "./LetIn";
import { useText } from "./text";
import { KEY, useDismissal, type Waiting } from "./deciding";

const [AT_ONCE, MOST] = [100, 1000];

/** The stations that knocked and that nobody knows, as they come; an operator lets them in, or dismisses them. */
export function WaitingList() {
  const text = useText();
  const me = useMe();
  const [parameters, change] = useParameters();
  const [limit, setLimit] = useState(AT_ONCE);
  const [ticked, setTicked] = useState<ReadonlySet<string>>(new Set());
  const [letIn, setLetIn] = useState<Waiting[]>([]);
  const dismissal = useDismissal();
  const q = parameters.q ?? "";
  const list = useWaiting(q, limit);
  const rows = list.data?.items ?? [];
  const chosen = rows.filter((row) => ticked.has(row.identity));
  const columns = useColumns();
  if (may(me, "operator")) {
    columns.unshift({
      key: "choice",
      title: text.choice,
      width: 50,
      isNarrow: true,
      render: (row) => (
        <Checkbox
          aria-label={text.choose(row.identity)}
          checked={ticked.has(row.identity)}
          onChange={() => setTicked((before) => toggled(before, row.identity))}
        />
      ),
    });
    columns.push({
      key: "do",
      title: text.decide,
      width: 190,
      render: (row) => (
        <Group gap="xs" wrap="nowrap">
          <Button size="compact-sm" aria-label={text.letInRow(row.identity)} onClick={() => setLetIn([row])}>
            {text.letIn}
          </Button>
          <Button
            size="compact-sm"
            variant="default"
            aria-label={text.dismissOf(row.identity)}
            onClick={() => dismissal.mutate([row.identity])}
          >
            {text.dismiss}
          </Button>
        </Group>
      ),
    });
  }
  return (
    <>
      <Group gap="xs" mb="sm">
        <TextFilter value={q} onChange={(typed) => change({ q: typed })} label={text.filter} />
        {may(me, "operator") && rows.length > 0 && (
          <>
            <Button
              variant="default"
              onClick={() =>
                setTicked(new Set(chosen.length === rows.length ? [] : rows.map((row) => row.identity)))
              }
            >
              {chosen.length === rows.length ? text.chooseNone : text.chooseAll}
            </Button>
            <Button disabled={chosen.length === 0} onClick={() => setLetIn(chosen)}>
              {text.letIn}
            </Button>
            <Button
              variant="default"
              disabled={chosen.length === 0}
              loading={dismissal.isPending}
              onClick={() => dismissal.mutate(chosen.map((row) => row.identity))}
            >
              {text.dismiss}
            </Button>
            <Text size="sm" c="dimmed" role="status">
              {chosen.length > 0 && text.chosen(chosen.length)}
            </Text>
          </>
        )}
      </Group>
      {dismissal.error && <Failure error={dismissal.error} />}
      {list.error && <Failure error={list.error} retry={() => void list.refetch()} />}
      <MissingNodes nodes={list.data?.missing} />
      {list.data === undefined ? (
        !list.error && <Skeleton height={160} aria-busy />
      ) : (
        <Paper bg="var(--vg-surface)" withBorder style={{ overflow: "hidden" }}>
          {rows.length > 0 ? (
            <ListTable label={text.waiting} columns={columns} rows={rows} rowKey={(row) => row.identity} />
          ) : q === "" ? (
            <Empty icon={IconDoorEnter} title={text.none}>
              {text.noneHelp}
            </Empty>
          ) : (
            <Empty icon={IconSearchOff} title={text.noMatch}>
              {text.noMatchHelp}
            </Empty>
          )}
        </Paper>
      )}
      {list.data !== undefined && list.data.total > rows.length && (
        <Group mt="sm" gap="sm">
          <Text size="sm" c="dimmed">
            {text.firstOf(rows.length, list.data.total)}
          </Text>
          {limit < MOST && (
            <Button variant="default" size="compact-md" onClick={() => setLimit(MOST)}>
              {text.more}
            </Button>
          )}
        </Group>
      )}
      {letIn.length > 0 && <LetIn stations={letIn} onClose={() => setLetIn([])} />}
    </>
  );
}

function toggled(before: ReadonlySet<string>, identity: string): Set<string> {
  const after = new Set(before);
  if (!after.delete(identity)) after.add(identity);
  return after;
}

/** Return who waits, asked for anew as soon as somebody was turned away or has come. */
function useWaiting(q: string, limit: number) {
  const client = useQueryClient();
  const refresh = useSoon(() => void client.invalidateQueries({ queryKey: KEY }));
  useTopic({ subscribe: "events", kinds: ["StationRefused", "StationCame"] }, refresh);
  return useQuery({
    queryKey: [...KEY, { q, limit }],
    queryFn: ({ signal }) => result(api.GET("/api/v1/waiting", { params: { query: { q, limit } }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: 30_000,
  });
}

function useColumns(): Column<Waiting>[] {
  const text = useText();
  const format = useFormat();
  return [
    {
      key: "identity",
      title: text.station,
      width: 200,
      isNarrow: true,
      render: (row) => (
        <>
          <Text size="sm" fw={550}>
            {row.identity}
          </Text>
          <Text size="xs" c="dimmed">
            {row.reason === "unknown station" ? text.unknown : row.reason}
          </Text>
        </>
      ),
    },
    {
      key: "address",
      title: text.from,
      width: 130,
      render: (row) => <span className="tabular">{row.address}</span>,
    },
    {
      key: "offered",
      title: text.offered,
      width: 130,
      render: (row) => row.offered.join(", ") || text.noneOffered,
    },
    { key: "tries", title: text.tries, width: 70, isNumeric: true, render: (row) => format.count(row.tries) },
    { key: "first", title: text.first, width: 100, render: (row) => <Time at={row.first} /> },
    {
      key: "last",
      title: text.last,
      width: 110,
      isNarrow: true,
      render: (row) => <Time at={row.last} ago />,
    },
  ];
}
