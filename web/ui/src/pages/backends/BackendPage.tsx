import { Anchor, Grid, Group, Skeleton, Stack, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconArrowLeft, IconServer2 } from "@tabler/icons-react";
import { Link } from "wouter";

import { api, result, type Schemas } from "../../api/client";
import { Problem } from "../../api/problem";
import { Empty } from "../../components/Empty";
import { Facts } from "../../components/Facts";
import { Failure } from "../../components/Failure";
import { MissingNodes } from "../../components/MissingNodes";
import { PageHead } from "../../components/PageHead";
import { Panel } from "../../components/Panel";
import { useFormat } from "../../lib/format";
import { address } from "../../lib/location";
import { type Backend, PACE, useOwed } from "./asking";
import { Links } from "./Links";
import { mean } from "./numbers";
import { Debt, Reach } from "./Shown";
import { useText } from "./text";

/** One backend: whether it can be reached, what it is told and asks for, and its stations. */
export function BackendPage({ name }: { name: string }) {
  const text = useText();
  const backend = useQuery({
    queryKey: ["backends", "one", name],
    queryFn: () => result(api.GET("/api/v1/backends/{name}", { params: { path: { name } } })),
    refetchInterval: PACE,
  });
  const shown = backend.data;
  return (
    <>
      <Anchor component={Link} href="/backends" size="sm" c="dimmed" display="inline-flex" mb={4}>
        <Group gap={4} component="span">
          <IconArrowLeft size={14} aria-hidden /> {text.title}
        </Group>
      </Anchor>
      {backend.error instanceof Problem && backend.error.status === 404 ? (
        <Empty icon={IconServer2} title={text.notThere}>
          {text.notThereHelp}
        </Empty>
      ) : shown === undefined ? (
        backend.error ? (
          <Failure error={backend.error} retry={() => void backend.refetch()} />
        ) : (
          <Skeleton height={240} aria-busy />
        )
      ) : (
        <>
          <PageHead title={name}>
            <Reach backend={shown} />
          </PageHead>
          {backend.error && <Failure error={backend.error} retry={() => void backend.refetch()} />}
          <MissingNodes nodes={shown.missing} />
          <Stack>
            <Panel title={text.backend}>
              <About backend={shown} />
            </Panel>
            <Grid>
              <Grid.Col span={{ base: 12, md: 7 }}>
                <Panel title={text.callsSince} padded={false}>
                  <Counts backend={shown} />
                </Panel>
              </Grid.Col>
              <Grid.Col span={{ base: 12, md: 5 }}>
                <Panel title={text.notDelivered}>
                  <NotDelivered backend={shown} />
                </Panel>
              </Grid.Col>
            </Grid>
            <Panel
              title={text.connected}
              padded={false}
              side={
                <Anchor
                  component={Link}
                  href={address("/stations", { backend: name })}
                  size="sm"
                  c="var(--vg-accent)"
                >
                  {text.allStations}
                </Anchor>
              }
            >
              <Links backend={name} />
            </Panel>
          </Stack>
        </>
      )}
    </>
  );
}

function About({ backend }: { backend: Backend }) {
  const text = useText();
  const format = useFormat();
  const owed = useOwed();
  const claims = address("/claims", { backend: backend.name });
  return (
    <Facts
      facts={[
        [text.url, backend.url],
        [text.soapUrl, backend.soap_url],
        [text.claimedUrl, backend.claimed_url],
        [text.versions, backend.versions.join(", ")],
        [text.links, text.linksOf(format.count(backend.legs_up), format.count(backend.legs))],
        [
          text.claims,
          <Anchor component={Link} href={claims} size="sm" c="var(--vg-accent)">
            {format.count(backend.claims)}
          </Anchor>,
        ],
        [text.permit, backend.permit ?? text.noPermit],
        [text.deliver, text.delivers[backend.deliver]],
        [text.owed, owed ? <Debt owed={owed.get(backend.name)} /> : owed === null ? text.unknown : null],
      ]}
    />
  );
}

function Counts({ backend }: { backend: Backend }) {
  const text = useText();
  return (
    <Table.ScrollContainer minWidth={0} type="native" tabIndex={0} role="region" aria-label={text.callsSince}>
      <Table horizontalSpacing="md">
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{text.direction}</Table.Th>
            {[text.answered, text.errors, text.unanswered, text.mean].map((title) => (
              <Table.Th key={title} scope="col" ta="right">
                {title}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          <CountsOf title={text.callsTo} calls={backend.calls} />
          <CountsOf title={text.commandsOf} calls={backend.commands} />
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function CountsOf({ title, calls }: { title: string; calls: Schemas["Calls"] }) {
  const format = useFormat();
  const time = mean(calls);
  return (
    <Table.Tr>
      <Table.Th scope="row" fw={450}>
        {title}
      </Table.Th>
      {[calls.results, calls.errors, calls.unanswered].map((number, index) => (
        <Table.Td key={index} ta="right" className="tabular">
          {format.count(number)}
        </Table.Td>
      ))}
      <Table.Td ta="right" className="tabular">
        {time === null ? "–" : format.latency(time)}
      </Table.Td>
    </Table.Tr>
  );
}

/** What did not get through, of what there is any. */
function NotDelivered({ backend }: { backend: Backend }) {
  const text = useText();
  const format = useFormat();
  const lines: [string, string][] = [];
  for (const [action, number] of Object.entries(backend.commands_refused)) {
    lines.push([text.refusedCommand(action), format.count(number)]);
  }
  for (const [reason, number] of Object.entries(backend.copies_dropped)) {
    lines.push([text.droppedCopy(reason), format.count(number)]);
  }
  if (backend.given_up > 0) lines.push([text.givenUp, format.count(backend.given_up)]);
  if (backend.left_out > 0) lines.push([text.leftOut, format.count(backend.left_out)]);
  if (lines.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        {text.allDelivered}
      </Text>
    );
  }
  return <Facts facts={lines} />;
}
