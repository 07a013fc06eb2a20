import { Alert, Anchor, Box, Grid, Group, Skeleton, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";

import { api, result, type Schemas } from "../../api/client";
import { may, mayIn, useMe } from "../../api/me";
import { Problem } from "../../api/problem";
import { Facts } from "../../components/Facts";
import { Failure } from "../../components/Failure";
import { Panel } from "../../components/Panel";
import { State } from "../../components/State";
import { ListTable } from "../../components/table/ListTable";
import { Time } from "../../components/Time";
import { address } from "../../lib/location";
import { commandAddress } from "./addresses";
import { Connectors } from "./Connectors";
import { Legs } from "./Legs";
import { Messages } from "./Messages";
import { useText } from "./text";

type Station = Schemas["StationInFull"];
type Kept = Schemas["CsmsStationInFull"] | null | undefined;

/** Who a station is, its legs, connectors, running transactions, what is owed, and what it says. */
export function StationOverview({
  identity,
  station,
  kept,
}: {
  identity: string;
  station: Station | undefined;
  kept: Kept;
}) {
  const text = useText();
  const me = useMe();
  const isOperator = may(me, "operator") || (kept ? mayIn(me, kept.network, "operator") : false);
  if (!may(me, "viewer")) {
    return (
      <Stack>
        <Panel title={text.station}>
          {kept ? <About kept={kept} /> : <Skeleton height={80} aria-busy />}
        </Panel>
        {kept && (
          <Panel title={text.connectors}>
            <Connectors connectors={kept.connectors} />
          </Panel>
        )}
        {isOperator && (
          <Panel title={text.messages} padded={false}>
            <Messages station={identity} />
          </Panel>
        )}
      </Stack>
    );
  }
  return (
    <Stack>
      <Panel title={text.station}>
        {station === undefined ? <Skeleton height={80} aria-busy /> : <About station={station} kept={kept} />}
      </Panel>
      <Grid>
        <Grid.Col span={{ base: 12, md: 7 }}>
          <Stack>
            <Panel title={text.legs} side={<Hint>{text.legsHelp}</Hint>} padded={false}>
              <Legs session={station?.session ?? null} />
            </Panel>
            <Panel title={text.owed}>
              <Owed identity={identity} />
            </Panel>
          </Stack>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 5 }}>
          <Stack>
            <Panel title={text.transactions}>
              <Transactions
                identity={identity}
                transactions={station?.session?.transactions ?? []}
                isOperator={isOperator}
              />
            </Panel>
            {kept && (
              <Panel title={text.connectors}>
                <Connectors connectors={kept.connectors} />
              </Panel>
            )}
            <Panel title={text.claims}>
              <Claims identity={identity} />
            </Panel>
          </Stack>
        </Grid.Col>
      </Grid>
      <Panel
        title={text.messages}
        side={
          may(me, "operator") && (
            <Anchor
              component={Link}
              href={address("/messages", { station: identity })}
              size="sm"
              c="var(--vg-accent)"
            >
              {text.toLog}
            </Anchor>
          )
        }
        padded={false}
      >
        {isOperator ? (
          <Messages station={identity} />
        ) : (
          <Text p="md" size="sm" c="dimmed">
            {text.messagesRole}
          </Text>
        )}
      </Panel>
    </Stack>
  );
}

function Hint({ children }: { children: string }) {
  return (
    <Text size="xs" c="dimmed">
      {children}
    </Text>
  );
}

/** What backends have not taken yet of what the station said. */
function Owed({ identity }: { identity: string }) {
  const text = useText();
  const owed = useQuery({
    queryKey: ["stations", "owed", identity],
    queryFn: () => result(api.GET("/api/v1/stations/{identity}/owed", { params: { path: { identity } } })),
    refetchInterval: 10_000,
    retry: false,
  });
  if (owed.data === undefined) {
    if (owed.error === null) return <Skeleton height={20} aria-busy />;
    return owed.error instanceof Problem && owed.error.status === 503 ? (
      <Text size="sm" c="dimmed">
        {text.owedUnknown}
      </Text>
    ) : (
      <Failure error={owed.error} retry={() => void owed.refetch()} />
    );
  }
  if (owed.data.items.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        {text.nothingOwed}
      </Text>
    );
  }
  return (
    <ListTable
      label={text.owed}
      rows={owed.data.items}
      rowKey={(row) => `${row.backend ?? ""} ${row.message_id} ${row.at}`}
      columns={[
        { key: "action", title: text.action, width: 140, isNarrow: true, render: (row) => row.action },
        {
          key: "backend",
          title: text.backend,
          width: 110,
          isNarrow: true,
          render: (row) => row.backend ?? text.ownerLater,
        },
        {
          key: "at",
          title: text.owedSince,
          width: 110,
          isNarrow: true,
          render: (row) => <Time at={row.at} ago />,
        },
      ]}
    />
  );
}

/** Which backends claim the station, and which of them has it. */
function Claims({ identity }: { identity: string }) {
  const text = useText();
  const claims = useQuery({
    queryKey: ["claims", "of", identity],
    queryFn: () => result(api.GET("/api/v1/claims", { params: { query: { station: identity } } })),
  });
  if (claims.error !== null) return <Failure error={claims.error} retry={() => void claims.refetch()} />;
  if (claims.data === undefined) return <Skeleton height={20} aria-busy />;
  const { items } = claims.data;
  if (items.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        {text.noClaims}
      </Text>
    );
  }
  return (
    <Stack gap="xs">
      {items.some((claim) => claim.contested) && (
        <Alert color="orange" variant="outline">
          {text.contested}
        </Alert>
      )}
      {items.map((claim) => (
        <Group key={claim.backend} justify="space-between" wrap="nowrap">
          <Box miw={0}>
            <Text size="sm">{claim.backend}</Text>
            <Text size="xs" c="dimmed" component="div">
              {text.claimed} <Time at={claim.since} />
            </Text>
          </Box>
          <State mood={claim.holds ? "good" : "quiet"}>{claim.holds ? text.holds : text.holdsNot}</State>
        </Group>
      ))}
    </Stack>
  );
}

function About({ station, kept }: { station?: Station; kept: Kept }) {
  const text = useText();
  const model = kept ? `${kept.vendor} ${kept.model}`.trim() : null;
  return (
    <Facts
      facts={[
        [text.route, station?.route],
        [text.version, station?.version ?? kept?.version],
        [text.address, station?.address],
        [text.since, station?.since && <Time at={station.since} />],
        [text.node, station?.node],
        [text.owner, station?.claimed_by],
        [text.source, station && text.sources[station.source]],
        [text.tags, station?.tags.join(", ")],
        [text.model, model],
        [text.serial, kept?.serial],
        [text.firmware, kept?.firmware],
        [text.network, kept?.network],
        [text.location, kept?.location],
        [text.registration, kept?.told],
        [text.firmwareStatus, kept?.firmware_status],
        [text.listVersion, kept?.list_version],
        [text.booted, kept?.booted && <Time at={kept.booted} />],
        [text.seen, kept?.seen && <Time at={kept.seen} />],
      ]}
    />
  );
}

function Transactions({
  identity,
  transactions,
  isOperator,
}: {
  identity: string;
  transactions: Schemas["Transaction"][];
  isOperator: boolean;
}) {
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
        <Group key={`${one.id} ${one.began} ${one.connector ?? ""}`} justify="space-between" wrap="nowrap">
          <Box miw={0}>
            <Text size="sm" fw={550} style={{ overflowWrap: "anywhere" }}>
              {one.connector !== null && `${text.connector} ${one.connector} · `}
              {one.id || text.unnamed}
            </Text>
            <Text size="xs" c="dimmed" component="div">
              {text.owned(one.owner)}, {text.began} <Time at={one.began} ago size="xs" />
            </Text>
          </Box>
          {isOperator && (
            <Anchor
              component={Link}
              size="sm"
              // The first is the command's, the second the call's.
              href={commandAddress(identity, "stop", { transaction: one.id, transactionId: one.id })}
            >
              {text.stop}
            </Anchor>
          )}
        </Group>
      ))}
    </Stack>
  );
}
