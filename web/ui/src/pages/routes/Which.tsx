import { Autocomplete, Button, Group, Select, Stack, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { SubmitEvent } from "react";

import { api, result, type Schemas } from "../../api/client";
import { Failure } from "../../components/Failure";
import { Panel } from "../../components/Panel";
import { saidIn } from "../../lib/form";
import { useParameters } from "../../lib/location";
import { VERSIONS, versionOf } from "../../lib/versions";
import { useText } from "./text";

const ACTIONS = [
  "Authorize",
  "BootNotification",
  "DataTransfer",
  "Heartbeat",
  "MeterValues",
  "StartTransaction",
  "StatusNotification",
  "StopTransaction",
  "TransactionEvent",
];
const WIDTH = { base: "100%", sm: 180 };
const NARROW = { base: "100%", sm: 140 };
const FIELDS = ["station", "action", "token", "connector", "version"] as const;

/** Ask which rule a call would meet, once its station and its action stand in the address. */
export function useMatch() {
  const [{ station = "", action = "", token, connector, version }] = useParameters();
  const query = {
    station,
    action,
    token,
    connector: connector === undefined ? undefined : Number(connector),
    version: versionOf(version),
  };
  return useQuery({
    queryKey: ["routes", "match", query],
    queryFn: () => result(api.GET("/api/v1/routes/match", { params: { query } })),
    enabled: station !== "" && action !== "",
  });
}

/** Which rule of its route a call would meet: what is asked stands in the address. */
export function Which({ match }: { match: ReturnType<typeof useMatch> }) {
  const text = useText();
  const [parameters, change] = useParameters();
  function ask(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    const said = saidIn(event.currentTarget);
    change(Object.fromEntries(FIELDS.map((name) => [name, said(name).trim()])));
    if (FIELDS.every((name) => said(name).trim() === (parameters[name] ?? ""))) void match.refetch();
  }
  return (
    <Panel title={text.which}>
      <form onSubmit={ask} key={FIELDS.map((name) => parameters[name]).join("\n")}>
        <Group align="flex-end" gap="sm">
          <TextInput
            name="station"
            label={text.station}
            required
            maxLength={255}
            defaultValue={parameters.station}
            w={WIDTH}
          />
          <Autocomplete
            name="action"
            label={text.action}
            required
            maxLength={100}
            data={ACTIONS}
            defaultValue={parameters.action}
            w={WIDTH}
          />
          <TextInput
            name="token"
            label={text.token}
            maxLength={255}
            defaultValue={parameters.token}
            w={NARROW}
          />
          <TextInput
            name="connector"
            label={text.connector}
            inputMode="numeric"
            pattern="[0-9]{1,6}"
            defaultValue={parameters.connector}
            w={NARROW}
          />
          <Select
            name="version"
            label={text.version}
            placeholder={text.spoken}
            clearable
            data={VERSIONS}
            defaultValue={parameters.version}
            w={WIDTH}
          />
          <Button type="submit" loading={match.isFetching}>
            {text.ask}
          </Button>
        </Group>
      </form>
      <div aria-live="polite">
        {match.error && (
          <Stack mt="md">
            <Failure error={match.error} />
          </Stack>
        )}
        {match.data && <Verdict match={match.data} />}
      </div>
    </Panel>
  );
}

function Verdict({ match }: { match: Schemas["Match"] }) {
  const text = useText();
  const [first, ...rest] = match.answer;
  const said = [
    first !== undefined && (rest.length === 0 ? text.answered(first) : text.failover(first, rest.join(", "))),
    match.copy.length > 0 && text.told(match.copy.join(", ")),
    match.authorize.length > 0 && text.asked(match.authorize.join(", ")),
    match.left_out.length > 0 && text.leftOut(match.left_out.join(", ")),
  ];
  return (
    <Stack mt="md" gap={4}>
      <Text fw={600}>
        {match.rule === null ? text.noRule(match.route) : text.decides(match.route, match.rule + 1)}
      </Text>
      <Text size="sm">{said.filter(Boolean).join(" ")}</Text>
      <Text size="sm" c="dimmed">
        {text.owner}
      </Text>
    </Stack>
  );
}
