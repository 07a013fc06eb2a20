import { Anchor, Box, Grid, Group, Skeleton, Stack, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { IconArrowLeft, IconChargingPile } from "@tabler/icons-react";
import { Link } from "wouter";

import { api, result, type Schemas } from "../../api/client";
import { may, useMe } from "../../api/me";
import { Problem } from "../../api/problem";
import { Empty } from "../../components/Empty";
import { Facts } from "../../components/Facts";
import { Failure } from "../../components/Failure";
import { PageHead } from "../../components/PageHead";
import { Panel } from "../../components/Panel";
import { State } from "../../components/State";
import { Time } from "../../components/Time";
import { address } from "../../lib/location";
import { useTopic } from "../../live/live";
import { isPage } from "../list";
import { Connectors } from "./Connectors";
import { Legs } from "./Legs";
import { Messages } from "./Messages";
import { useText } from "./text";

type Station = Schemas["StationInFull"];

/** One station: who it is, its legs, connectors, running transactions, and what it says. */
export function StationPage({ identity }: { identity: string }) {
  const text = useText();
  const me = useMe();
  const client = useQueryClient();
  const key = ["stations", "one", identity];
  const station = useQuery({
    queryKey: key,
    queryFn: () => result(api.GET("/api/v1/stations/{identity}", { params: { path: { identity } } })),
  });
  const kept = useKept(identity);
  useTopic({ subscribe: "station", identity }, (item) => {
    if (item.kind === "row") client.setQueryData<Station>(key, item.data as Station);
    else if (item.kind === "gone") void client.invalidateQueries({ queryKey: key });
  });
  if (station.data === undefined && !kept.data && station.error !== null) {
    return station.error instanceof Problem && station.error.status === 404 ? (
      <NotThere />
    ) : (
      <Failure error={station.error} retry={() => void station.refetch()} />
    );
  }
  const shown = station.data;
  return (
    <>
      <Back />
      <PageHead title={identity} about={shown && shown.name !== identity ? shown.name : undefined}>
        {shown && (
          <State mood={shown.connected ? "good" : "quiet"}>
            {shown.connected ? text.connected : text.away}
          </State>
        )}
      </PageHead>
      <Stack>
        <Panel title={text.station}>
          {shown === undefined ? <Skeleton height={80} /> : <About station={shown} kept={kept.data} />}
        </Panel>
        <Grid>
          <Grid.Col span={{ base: 12, md: 7 }}>
            <Panel title={text.legs} side={<Hint>{text.legsHelp}</Hint>} padded={false}>
              <Legs session={shown?.session ?? null} />
            </Panel>
          </Grid.Col>
          <Grid.Col span={{ base: 12, md: 5 }}>
            <Stack>
              <Panel title={text.transactions}>
                <Transactions transactions={shown?.session?.transactions ?? []} />
              </Panel>
              {kept.data && (
                <Panel title={text.connectors}>
                  <Connectors connectors={kept.data.connectors} />
                </Panel>
              )}
            </Stack>
          </Grid.Col>
        </Grid>
        <Panel
          title={text.messages}
          side={may(me, "operator") && <MessagesLink identity={identity} />}
          padded={false}
        >
          {may(me, "operator") ? (
            <Messages station={identity} />
          ) : (
            <Text p="md" size="sm" c="dimmed">
              {text.messagesRole}
            </Text>
          )}
        </Panel>
      </Stack>
    </>
  );
}

/** What the management system keeps of a station; null where there is none, or it does not keep this one. */
function useKept(identity: string) {
  return useQuery({
    queryKey: ["csms", "stations", identity],
    queryFn: async () => {
      try {
        return await result(api.GET("/api/v1/csms/stations/{identity}", { params: { path: { identity } } }));
      } catch (error) {
        if (error instanceof Problem && [403, 404, 409].includes(error.status)) return null;
        throw error;
      }
    },
    refetchInterval: 10_000,
  });
}

function Hint({ children }: { children: string }) {
  return (
    <Text size="xs" c="dimmed">
      {children}
    </Text>
  );
}

function Back() {
  const text = useText();
  return (
    <Anchor component={Link} href="/stations" size="sm" c="dimmed" display="inline-flex" mb={4}>
      <Group gap={4} component="span">
        <IconArrowLeft size={14} aria-hidden /> {text.back}
      </Group>
    </Anchor>
  );
}

function MessagesLink({ identity }: { identity: string }) {
  const text = useText();
  const href = address("/messages", { station: identity });
  if (!isPage(href)) return null;
  return (
    <Anchor component={Link} href={href} size="sm" c="var(--vg-accent)">
      {text.toLog}
    </Anchor>
  );
}

function NotThere() {
  const text = useText();
  return (
    <>
      <Back />
      <Empty icon={IconChargingPile} title={text.notThere}>
        {text.notThereHelp}
      </Empty>
    </>
  );
}

function About({
  station,
  kept,
}: {
  station: Station;
  kept: Schemas["CsmsStationInFull"] | null | undefined;
}) {
  const text = useText();
  const model = kept ? `${kept.vendor} ${kept.model}`.trim() : null;
  return (
    <Facts
      facts={[
        [text.route, station.route],
        [text.version, station.version],
        [text.address, station.address],
        [text.since, station.since && <Time at={station.since} />],
        [text.node, station.node],
        [text.owner, station.claimed_by],
        [text.source, text.sources[station.source]],
        [text.tags, station.tags.join(", ")],
        [text.model, model],
        [text.serial, kept?.serial],
        [text.firmware, kept?.firmware],
        [text.network, kept?.network],
        [text.place, kept?.location],
        [text.booted, kept?.booted && <Time at={kept.booted} />],
        [text.seen, kept?.seen && <Time at={kept.seen} />],
      ]}
    />
  );
}

function Transactions({ transactions }: { transactions: Schemas["Transaction"][] }) {
  const text = useText();
  if (transactions.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        {text.noTransactions}
      </Text>
    );
  }
  return (
    <Stack gap="xs">
      {transactions.map((one) => (
        <Box key={`${one.id} ${one.began} ${one.connector ?? ""}`}>
          <Text size="sm" fw={550} style={{ overflowWrap: "anywhere" }}>
            {one.connector !== null && `${text.connector} ${one.connector} · `}
            {one.id || text.unnamed}
          </Text>
          <Text size="xs" c="dimmed" component="div">
            {text.owned(one.owner)}, {text.began} <Time at={one.began} ago />
          </Text>
        </Box>
      ))}
    </Stack>
  );
}
