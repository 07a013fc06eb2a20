import { Button, Code, Group, List, NumberInput, Skeleton, Stack, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { IconSend } from "@tabler/icons-react";
import { useState } from "react";

import { api, result } from "../../../api/client";
import { type Choice, type Danger, dangerOf, endedBy, known } from "../../../components/commands/commands";
import { called, useCommandNames, useFieldNames } from "../../../components/commands/names";
import { Confirm } from "../../../components/Confirm";
import { Failure } from "../../../components/Failure";
import { SchemaForm } from "../../../components/form/SchemaForm";
import {
  addressed,
  beginning,
  completed,
  filledIn,
  type Mistake,
  mistakesIn,
  type Schema,
} from "../../../components/form/shape";
import { Panel } from "../../../components/Panel";
import { once } from "../../../lib/clicks";
import { useParameters } from "../../../lib/location";
import { versionName } from "../../../lib/versions";
import { type Message, MessageList, useMessages } from "../Messages";
import { Answer, type Answered } from "./Answer";
import type { Told } from "./CommandPanel";
import { useCommandText } from "./text";

const PATIENCE = 30;
const LONGEST_PATIENCE = 300;

/** One command: its form, what was sent, what the station answered, and what followed. */
export function Tell({
  station,
  choice,
  parameters,
}: {
  station: Told;
  choice: Choice;
  /** The schema of a command; that of a call is asked for. */
  parameters: object | undefined;
}) {
  const names = useCommandNames();
  const call = useQuery({
    queryKey: ["actions", station.version, choice.target],
    queryFn: () =>
      result(
        api.GET("/api/v1/actions/{action}", {
          params: { path: { action: choice.target }, query: { version: station.version } },
        }),
      ),
    staleTime: Infinity,
    enabled: choice.way === "call",
  });
  const schema = (choice.way === "call" ? call.data?.payload : parameters) as Schema | undefined;
  const title = called(names, choice.key);
  if (call.error !== null) return <Failure error={call.error} retry={() => void call.refetch()} />;
  if (schema === undefined) {
    return (
      <Panel title={title}>
        <Skeleton height={160} aria-busy />
      </Panel>
    );
  }
  return <Form title={title} station={station} choice={choice} schema={schema} />;
}

function Form({
  title,
  station,
  choice,
  schema,
}: {
  title: string;
  station: Told;
  choice: Choice;
  schema: Schema;
}) {
  const text = useCommandText();
  const fieldNames = useFieldNames();
  const [parameters] = useParameters();
  const running = station.transactions.map((each) => each.id).filter(Boolean);
  const [value, setValue] = useState<unknown>(() => ({
    ...(beginning(schema) as object),
    ...known(choice.target, running, freshNumber()),
    ...addressed(schema, parameters),
  }));
  const [mistakes, setMistakes] = useState<Mistake[]>([]);
  const [patience, setPatience] = useState<number | string>(PATIENCE);
  const [danger, setDanger] = useState<Danger>();
  const messages = useMessages(station.identity);
  const [mark, setMark] = useState<Message | null>(null);
  const seconds = typeof patience === "number" ? patience : PATIENCE;
  const tell = useMutation({
    mutationFn: (fields: object) => sendTo(station.identity, choice, fields, seconds),
  });
  const filled = completed(filledIn(value, schema), schema);
  const send = () => {
    setDanger(undefined);
    setMark(messages[0] ?? null);
    tell.mutate(filled as object);
  };
  const submit = () => {
    const found = mistakesIn(filledIn(value, schema), schema);
    setMistakes(found);
    if (found.length > 0) return;
    const threat = dangerOf(choice.target, filled, station.transactions.length > 0);
    if (threat === undefined) send();
    else setDanger(threat);
  };
  const isEmpty = Object.keys(schema.properties ?? {}).length === 0;
  const since = mark === null ? -1 : messages.indexOf(mark);
  return (
    <Stack>
      <Panel
        title={title}
        side={
          <Text size="xs" c="dimmed">
            {choice.way === "call"
              ? text.asCall(choice.target, versionName(station.version))
              : text.asCommand}
          </Text>
        }
      >
        <form
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            submit();
          }}
        >
          <Stack>
            {isEmpty ? (
              <Text size="sm" c="dimmed">
                {text.noFields}
              </Text>
            ) : (
              <SchemaForm
                root={schema}
                value={value}
                onChange={setValue}
                first={choice.first}
                mistakes={mistakes}
                label={(name) => called(fieldNames, name)}
                proposals={{ transaction: running, transactionId: running }}
              />
            )}
            <Group align="flex-end" justify="space-between">
              <Button
                type="submit"
                leftSection={<IconSend size={16} aria-hidden />}
                loading={tell.isPending}
                disabled={!station.isConnected}
                onClick={once}
              >
                {title}
              </Button>
              <NumberInput
                label={text.patience}
                value={patience}
                onChange={setPatience}
                min={1}
                max={LONGEST_PATIENCE}
                w={150}
              />
            </Group>
          </Stack>
        </form>
      </Panel>
      {!tell.isIdle && (
        <Panel title={text.answer}>
          <Stack>
            <div role="status">
              <Answer answer={tell.data} error={tell.error} isPending={tell.isPending} />
            </div>
            <div>
              <Text size="xs" c="dimmed">
                {text.sent}
              </Text>
              <Code block tabIndex={0}>
                {`${choice.target} ${JSON.stringify(tell.variables, null, 2)}`}
              </Code>
            </div>
          </Stack>
        </Panel>
      )}
      {!tell.isIdle && (
        <Panel title={text.followed} padded={false}>
          {messages.length === 0 || since === 0 ? (
            <Text p="md" size="sm" c="dimmed">
              {text.nothingYet}
            </Text>
          ) : (
            <MessageList messages={since < 0 ? messages : messages.slice(0, since)} />
          )}
        </Panel>
      )}
      <Confirm
        title={danger ? text.danger[danger] : title}
        action={text.doIt(title)}
        isOpen={danger !== undefined}
        isRunning={false}
        error={null}
        onConfirm={send}
        onClose={() => setDanger(undefined)}
      >
        {danger && <Threat danger={danger} ends={endedBy(danger, filled, station.transactions)} />}
      </Confirm>
    </Stack>
  );
}

/** What a dangerous command will do here: the transactions that it ends. */
function Threat({ danger, ends }: { danger: Danger; ends: Told["transactions"] }) {
  const text = useCommandText();
  return (
    <>
      {text.warning[danger]} {ends.length === 0 && text.noneRuns}
      <List size="sm" mt="xs">
        {ends.map((each) => (
          <List.Item key={`${each.id} ${each.began}`}>
            {text.runs(each.connector === null ? "" : text.connector(each.connector), each.id || "?")}
          </List.Item>
        ))}
      </List>
    </>
  );
}

/** Return a number for requests that a station has to answer later. */
function freshNumber(): number {
  return Math.floor(Math.random() * 1_000_000_000) + 1;
}

async function sendTo(identity: string, choice: Choice, fields: object, timeout: number): Promise<Answered> {
  const path = { identity };
  if (choice.way === "command") {
    const answer = await result(
      api.POST("/api/v1/csms/stations/{identity}/commands/{command}", {
        params: { path: { ...path, command: choice.target }, query: { timeout } },
        // The parameters are those of the schema of this command.
        body: fields as never,
      }),
    );
    return { way: "command", answer };
  }
  const answer = await result(
    api.POST("/api/v1/stations/{identity}/calls", {
      params: { path },
      body: { action: choice.target, payload: fields as Record<string, unknown>, timeout, check: true },
    }),
  );
  return { way: "call", answer };
}
