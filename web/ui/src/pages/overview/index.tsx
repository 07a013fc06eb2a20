import { SimpleGrid, Skeleton, Stack, VisuallyHidden } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { IconChargingPile } from "@tabler/icons-react";
import { lazy, Suspense } from "react";

import { api, result } from "../../api/client";
import { Empty } from "../../components/Empty";
import { Failure } from "../../components/Failure";
import { PageHead } from "../../components/PageHead";
import { Panel } from "../../components/Panel";
import { Time } from "../../components/Time";
import { type Format, useFormat } from "../../lib/format";
import { useTopic } from "../../live/live";
import { type Overview, attentionOf } from "./attention";
import { AttentionList } from "./AttentionList";
import { type History, noted } from "./history";
import { Tile } from "./Tile";
import { useText } from "./text";

const Plot = lazy(() => import("./Plot"));
const KEY = ["overview"];

/** `/`: the state of the network in a few numbers, and what needs attention; each leads to the list behind it. */
export default function OverviewPage() {
  const text = useText();
  const format = useFormat();
  const client = useQueryClient();
  const first = useQuery({
    queryKey: KEY,
    queryFn: () => result(api.GET("/api/v1/overview")),
    staleTime: Infinity,
  });
  const history = useQuery({
    queryKey: ["overview", "history"],
    queryFn: (): History => [],
    staleTime: Infinity,
    gcTime: Infinity,
  });
  useTopic({ subscribe: "overview" }, (item) => {
    if (item.kind !== "overview") return;
    const now = item.data as Overview;
    client.setQueryData(KEY, now);
    client.setQueryData(["overview", "history"], (before: History | undefined) => noted(before ?? [], now));
  });
  const now = first.data;
  if (now === undefined) {
    return first.error ? <Failure error={first.error} retry={() => void first.refetch()} /> : <Waiting />;
  }
  return (
    <>
      <PageHead
        title={text.title}
        about={
          <>
            {text.at} <Time at={now.at} />
          </>
        }
      />
      <Stack>
        {now.stations.known === 0 && now.stations.connected === 0 ? (
          <Empty icon={IconChargingPile} title={text.noStations}>
            {text.noStationsHelp}
          </Empty>
        ) : (
          <AttentionList items={attentionOf(now, text, format)} />
        )}
        <Tiles now={now} />
        <Panel title={text.plot}>
          <Suspense fallback={<Skeleton height={180} />}>
            <Plot history={history.data ?? []} />
          </Suspense>
        </Panel>
      </Stack>
    </>
  );
}

function Tiles({ now }: { now: Overview }) {
  const text = useText();
  const format = useFormat();
  const { stations, calls, backends, owed } = now;
  return (
    <SimpleGrid cols={{ base: 2, md: 4 }} spacing="md">
      <Tile
        name={text.stations}
        value={format.count(stations.connected)}
        help={stations.known === null ? text.unknown : text.ofKnown(format.count(stations.known))}
        href="/stations?connected=true"
        share={stations.known ? stations.connected / stations.known : undefined}
      />
      <Tile
        name={text.backends}
        value={format.count(backends.up)}
        help={text.ofBackends(backends.down, backends.idle)}
        href="/backends"
        mood={backends.down > 0 ? "bad" : undefined}
      />
      <Tile name={text.calls} value={rate(calls.per_second, format)} help={text.callsHelp} href="/messages" />
      <Tile
        name={text.errors}
        value={rate(calls.errors_per_second, format)}
        help={text.errorsHelp}
        href="/messages?outcome=error"
        mood={calls.errors_per_second ? "warning" : undefined}
      />
      <Tile
        name={text.latency}
        value={calls.p50_ms === null ? "–" : format.latency(calls.p50_ms)}
        help={calls.p95_ms === null ? text.unknown : text.latencyHelp(format.latency(calls.p95_ms))}
      />
      <Tile
        name={text.open}
        value={format.count(calls.open)}
        help={text.openHelp(format.count(calls.waiting))}
      />
      <Tile
        name={text.owed}
        value={owed === null ? "–" : format.count(owed.messages)}
        help={owedHelp()}
        href="/backends"
        mood={now.database === "away" ? "bad" : undefined}
      />
      <Tile name={text.refused} value={format.count(now.refused)} help={text.refusedHelp} href="/waiting" />
    </SimpleGrid>
  );

  function owedHelp(): string {
    if (owed === null) return now.database === "none" ? text.noJournal : text.databaseAway;
    return owed.messages === 0 ? text.owedNothing : text.owedHelp(format.duration(owed.oldest_seconds));
  }
}

function rate(value: number | null, format: Format): string {
  return value === null ? "–" : format.number(value);
}

function Waiting() {
  const text = useText();
  return (
    <>
      <PageHead title={text.title} />
      <SimpleGrid cols={{ base: 2, md: 4 }} aria-busy>
        {[...Array(8).keys()].map((place) => (
          <Skeleton key={place} height={104} />
        ))}
      </SimpleGrid>
      <VisuallyHidden>{text.unknown}</VisuallyHidden>
    </>
  );
}
