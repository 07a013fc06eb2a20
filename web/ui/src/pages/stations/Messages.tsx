import { Box, Code, Collapse, Group, Text, UnstyledButton } from "@mantine/core";
import { IconArrowLeft, IconArrowRight, IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { useState } from "react";

import { type Mood, State } from "../../components/State";
import { Time } from "../../components/Time";
import { useFormat } from "../../lib/format";
import { useNewest } from "../../live/live";
import classes from "./Messages.module.css";
import { useText } from "./text";

/** A message as the stream shows it. */
export interface Message {
  at: string;
  station: string;
  leg: string;
  direction: "from_station" | "to_backend" | "from_backend" | "to_station";
  action: string;
  message_id: string;
  payload: unknown;
  outcome: "result" | "error" | "unanswered" | null;
  reply: unknown;
  latency_ms: number | null;
  backend: string | null;
}

const MOST = 100;
const MOODS: Record<string, Mood> = { result: "good", error: "bad", unanswered: "warning" };

/** What a station and its backends say to each other, on each leg, the newest first. */
export function Messages({ station }: { station: string }) {
  const text = useText();
  const messages = useMessages(station);
  if (messages.length === 0) {
    return (
      <Text p="md" size="sm" c="dimmed">
        {text.noMessages}
      </Text>
    );
  }
  return <MessageList messages={messages} />;
}

/** Return what is said while this is shown, the newest first. */
export function useMessages(station: string): Message[] {
  return useNewest<Message>({ subscribe: "messages", station }, "message", MOST);
}

export function MessageList({ messages }: { messages: readonly Message[] }) {
  return (
    <ol className={classes.list}>
      {messages.map((message) => (
        <One
          key={`${message.message_id} ${message.direction} ${message.leg} ${message.at}`}
          message={message}
        />
      ))}
    </ol>
  );
}

function One({ message }: { message: Message }) {
  const text = useText();
  const format = useFormat();
  const [isOpen, setOpen] = useState(false);
  const isIncoming = message.direction.startsWith("from_");
  const Arrow = isIncoming ? IconArrowRight : IconArrowLeft;
  const Sign = isOpen ? IconChevronDown : IconChevronRight;
  const party = message.direction.endsWith("_backend") ? ` ${message.leg}` : "";
  return (
    <li className={classes.item}>
      <UnstyledButton className={classes.head} onClick={() => setOpen(!isOpen)} aria-expanded={isOpen}>
        <Sign size={14} aria-hidden />
        <Time at={message.at} />
        <Group gap={6} wrap="nowrap" className={classes.direction}>
          <Arrow size={14} aria-hidden />
          <Text size="xs" c="dimmed" truncate>
            {text.direction[message.direction]}
            {party}
          </Text>
        </Group>
        <Text size="sm" fw={550} truncate>
          {message.action}
        </Text>
        <Group gap="xs" wrap="nowrap" justify="flex-end">
          {message.latency_ms !== null && (
            <Text size="xs" c="dimmed" className="tabular">
              {format.latency(message.latency_ms)}
            </Text>
          )}
          {message.outcome !== null && (
            <State mood={MOODS[message.outcome] ?? "quiet"}>{outcome(message)}</State>
          )}
        </Group>
      </UnstyledButton>
      <Collapse expanded={isOpen}>
        <Box className={classes.body}>
          <Payload title={text.payload} value={message.payload} />
          {message.reply !== null && <Payload title={text.reply} value={message.reply} />}
        </Box>
      </Collapse>
    </li>
  );

  function outcome(said: Message): string {
    if (said.outcome === "unanswered") return text.unanswered;
    const reply = said.reply as { status?: unknown; code?: unknown } | null;
    const word = said.outcome === "error" ? reply?.code : reply?.status;
    return typeof word === "string" ? word : "OK";
  }
}

function Payload({ title, value }: { title: string; value: unknown }) {
  return (
    <Box>
      <Text size="xs" c="dimmed">
        {title}
      </Text>
      <Code block tabIndex={0}>
        {JSON.stringify(value, null, 2)}
      </Code>
    </Box>
  );
}
