import { Anchor, Grid, Group, Skeleton, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconArrowLeft, IconReceiptOff } from "@tabler/icons-react";
import { Link } from "wouter";

import { api, result } from "../../api/client";
import { useBackends } from "../../api/lists";
import { may, useMe } from "../../api/me";
import { Problem } from "../../api/problem";
import { Empty } from "../../components/Empty";
import { Facts } from "../../components/Facts";
import { Failure } from "../../components/Failure";
import { PageHead } from "../../components/PageHead";
import { Panel } from "../../components/Panel";
import { Time } from "../../components/Time";
import { isUnmanaged, Unmanaged } from "../../components/Unmanaged";
import { ZoneOf } from "../../components/ZoneOf";
import { useFormat } from "../../lib/format";
import { address, stationAddress } from "../../lib/location";
import { type TransactionInFull, useTransaction } from "./asking";
import { energyOf, StateOf } from "./columns";
import { Cost } from "./Cost";
import { MeterValues } from "./MeterValues";
import { useText } from "./text";

/** Milliseconds before and after a transaction in which its messages may have come. */
const MARGIN = 60_000;

/** One transaction: its facts, what its meter said, what it cost and why. */
export function TransactionPage({ station, name }: { station: string; name: string }) {
  const text = useText();
  const { data, error, refetch } = useTransaction(station, name);
  if (data === undefined && error !== null) {
    return (
      <>
        <Back />
        <NotShown error={error} retry={() => void refetch()} />
      </>
    );
  }
  return (
    <ZoneOf network={data?.network}>
      <Back />
      <PageHead title={text.one(name)} about={<StationLink station={station} />}>
        {data && <StateOf transaction={data} text={text} />}
        {data && <MessagesLink transaction={data} />}
      </PageHead>
      {data === undefined ? (
        <Skeleton height={300} aria-busy />
      ) : (
        <Stack>
          <Grid>
            <Grid.Col span={{ base: 12, md: 8 }}>
              <Panel title={text.facts}>
                <About transaction={data} />
              </Panel>
            </Grid.Col>
            <Grid.Col span={{ base: 12, md: 4 }}>
              <Panel title={text.cost}>
                <Cost transaction={data} />
              </Panel>
            </Grid.Col>
          </Grid>
          <MeterValues transaction={data} />
        </Stack>
      )}
    </ZoneOf>
  );
}

function NotShown({ error, retry }: { error: Error; retry: () => void }) {
  const text = useText();
  if (isUnmanaged(error)) return <Unmanaged />;
  if (error instanceof Problem && error.status === 404) {
    return (
      <Empty icon={IconReceiptOff} title={text.notThere}>
        {text.notThereHelp}
      </Empty>
    );
  }
  return <Failure error={error} retry={retry} />;
}

function Back() {
  const text = useText();
  return (
    <Anchor component={Link} href="/transactions" size="sm" c="dimmed" display="inline-flex" mb={4}>
      <Group gap={4} component="span">
        <IconArrowLeft size={14} aria-hidden /> {text.back}
      </Group>
    </Anchor>
  );
}

function StationLink({ station }: { station: string }) {
  return (
    <Anchor component={Link} href={stationAddress(station)} size="sm" c="var(--vg-accent)">
      {station}
    </Anchor>
  );
}

/** Leads operators to what was said meanwhile, as far as it was recorded. */
function MessagesLink({ transaction }: { transaction: TransactionInFull }) {
  const text = useText();
  const me = useMe();
  const { station, began, began_received, ended, ended_received } = transaction;
  const from = began_received ?? began;
  const to = ended_received ?? ended;
  const href = address("/messages", {
    station,
    since: from === null ? undefined : new Date(Date.parse(from) - MARGIN).toISOString(),
    until: to === null ? undefined : new Date(Date.parse(to) + MARGIN).toISOString(),
  });
  if (!may(me, "operator")) return null;
  return (
    <Anchor component={Link} href={href} size="sm" c="var(--vg-accent)">
      {text.messages}
    </Anchor>
  );
}

/** The backend whose a transaction is: of one that runs its station's session tells it. */
function useOwner(transaction: TransactionInFull): string | undefined {
  const { station, transaction_id, state } = transaction;
  const session = useQuery({
    queryKey: ["stations", "one", station],
    queryFn: () =>
      result(api.GET("/api/v1/stations/{identity}", { params: { path: { identity: station } } })),
    enabled: state === "running",
    retry: false,
  });
  const backends = useBackends();
  const running = session.data?.session?.transactions.find((one) => one.id === transaction_id);
  return running?.owner ?? backends.data?.items.find((backend) => backend.url === "local:")?.name;
}

function About({ transaction: one }: { transaction: TransactionInFull }) {
  const text = useText();
  const format = useFormat();
  const owner = useOwner(one);
  const isRunning = one.state === "running";
  const of = (value: number | null, write: (value: number) => string) => (value === null ? "" : write(value));
  const wh = (value: number) => format.energy(value);
  return (
    <>
      <Facts
        facts={[
          [text.began, one.began && <Time at={one.began} />],
          [text.ended, one.ended && <Time at={one.ended} />],
          [text.duration, of(one.seconds, (seconds) => format.duration(seconds))],
          [text.energy, of(energyOf(one), wh)],
          [text.powerNow, isRunning ? of(one.power, (watts) => format.power(watts)) : ""],
          [text.soc, of(one.soc, (percent) => `${format.number(percent)} %`)],
          [text.token, [one.token, one.token_type].filter((part) => part !== "").join(" · ")],
          [text.group, one.group],
          [text.stopToken, one.stop_token === one.token ? "" : one.stop_token],
          [text.owner, owner],
          [text.network, one.network],
          [
            text.evse,
            one.evse === null ? "" : [one.evse, one.connector].filter((part) => part !== null).join(" / "),
          ],
          [text.version, one.version],
          [text.id, one.transaction_id === one.ref ? "" : one.transaction_id],
          [text.meterStart, of(one.meter_start, wh)],
          [text.meterStop, of(one.meter_stop, wh)],
          [text.reason, one.reason],
          [text.chargingState, isRunning ? one.charging_state : ""],
          [text.reservation, one.reservation],
          [text.remoteStart, one.remote_start],
        ]}
      />
      {notes().map((note) => (
        <Text key={note} size="sm" c="var(--vg-warning)" mt="sm">
          {note}
        </Text>
      ))}
    </>
  );

  function notes(): string[] {
    const said: string[] = [];
    if (one.estimated !== "") said.push(text.estimated(one.estimated));
    if (one.offline) said.push(text.offline);
    if (one.missing.length > 0) said.push(text.missing(one.missing.join(", ")));
    return said;
  }
}
