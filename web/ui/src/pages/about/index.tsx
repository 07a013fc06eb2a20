import { Anchor, Group, Kbd, Stack, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { api, base, result } from "../../api/client";
import { may, useMe } from "../../api/me";
import { useAppText } from "../../app/text";
import { Facts } from "../../components/Facts";
import { Failure } from "../../components/Failure";
import { PageHead } from "../../components/PageHead";
import { Panel } from "../../components/Panel";
import { State } from "../../components/State";
import { Time } from "../../components/Time";
import { useFormat } from "../../lib/format";
import { useText } from "./text";

interface Health {
  version: string;
}

interface Licence {
  name: string;
  version: string;
  identifier: string;
}

/** `/about`: version, gateways, who is signed in, keys, licences. */
export default function About() {
  const text = useText();
  const app = useAppText();
  const me = useMe();
  const health = useQuery({ queryKey: ["health"], queryFn: () => file<Health>("healthz") });
  const networks = Object.entries(me.networks).map(([network, role]) => `${network}: ${app.role[role]}`);
  return (
    <>
      <PageHead title={text.title} />
      <Stack>
        <Panel title={text.program}>
          <Facts
            facts={[
              [text.version, health.data?.version],
              [text.address, base],
              [text.you, me.login ?? me.name],
              [text.role, app.role[me.role]],
              [text.networks, networks.join(", ")],
              [
                text.api,
                <Anchor key="api" href={`${base}/docs`} size="sm" c="var(--vg-accent)">
                  /docs
                </Anchor>,
              ],
            ]}
          />
        </Panel>
        {may(me, "viewer") && <Nodes />}
        <Keys />
        <Licences />
      </Stack>
    </>
  );
}

async function file<T>(path: string): Promise<T> {
  const response = await fetch(`${base}/${path}`);
  return (await response.json()) as T;
}

function Nodes() {
  const text = useText();
  const format = useFormat();
  const nodes = useQuery({ queryKey: ["nodes"], queryFn: () => result(api.GET("/api/v1/nodes")) });
  if (nodes.error) return <Failure error={nodes.error} retry={() => void nodes.refetch()} />;
  return (
    <Panel title={text.nodes} padded={false}>
      <Table.ScrollContainer minWidth={420} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
        <Table horizontalSpacing="md">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{text.node}</Table.Th>
              <Table.Th>{text.state}</Table.Th>
              <Table.Th>{text.stations}</Table.Th>
              <Table.Th>{text.version}</Table.Th>
              <Table.Th>{text.since}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {nodes.data?.items.map((node) => (
              <Table.Tr key={node.name}>
                <Table.Td>{node.name}</Table.Td>
                <Table.Td>
                  {node.alive ? (
                    <State mood={node.state === "serving" ? "good" : "warning"}>
                      {text.states[node.state]}
                    </State>
                  ) : (
                    <State mood="bad">{text.silent}</State>
                  )}
                </Table.Td>
                <Table.Td className="tabular">{format.count(node.stations)}</Table.Td>
                <Table.Td>{node.version}</Table.Td>
                <Table.Td>
                  <Time at={node.since} />
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Panel>
  );
}

function Keys() {
  const text = useText();
  const keys: [string[], string][] = [
    [["Ctrl", "K"], text.palette],
    [["/"], text.filter],
    [["↑", "↓", "Page ↑", "Page ↓", "Home", "End"], text.move],
    [["Enter"], text.open],
  ];
  return (
    <Panel title={text.keys}>
      <Stack gap="xs">
        {keys.map(([names, does]) => (
          <Group key={does} gap="xs">
            {names.map((name) => (
              <Kbd key={name}>{name}</Kbd>
            ))}
            <Text size="sm">{does}</Text>
          </Group>
        ))}
      </Stack>
    </Panel>
  );
}

function Licences() {
  const text = useText();
  const licences = useQuery({
    queryKey: ["licences"],
    queryFn: () => file<Licence[]>("assets/licenses.json"),
    staleTime: Infinity,
  });
  if (licences.data === undefined) return null;
  return (
    <Panel title={text.licences}>
      <Text size="sm" mb="sm">
        {text.licencesHelp}
      </Text>
      <Text size="sm" c="dimmed">
        {licences.data.map((one) => `${one.name} ${one.version} (${one.identifier})`).join(" · ")}
      </Text>
    </Panel>
  );
}
