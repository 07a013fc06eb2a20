import { Code, Group, Loader, Stack, Text } from "@mantine/core";

import type { Schemas } from "../../../api/client";
import { Problem, Unreachable } from "../../../api/problem";
import { Failure } from "../../../components/Failure";
import { isObject } from "../../../components/form/shape";
import { type Mood, State } from "../../../components/State";
import { useFormat } from "../../../lib/format";
import { useCommandText } from "./text";
import { verdictOf } from "./verdict";

/** What came of telling a station something, by the management system or by a call. */
export type Answered =
  { way: "command"; answer: Schemas["CommandAnswered"] } | { way: "call"; answer: Schemas["CallAnswered"] };

/** What a station answered, in its own words: a status, an error, or nothing. */
export function Answer({
  answer,
  error,
  isPending,
}: {
  answer: Answered | undefined;
  error: unknown;
  isPending: boolean;
}) {
  const text = useCommandText();
  if (isPending) {
    return (
      <Group gap="xs">
        <Loader size="xs" aria-hidden /> <Text size="sm">{text.waits}</Text>
      </Group>
    );
  }
  if (error instanceof Problem && error.status === 504) return <Silence problem={error} />;
  if (error !== null) {
    return (
      <Stack gap="xs">
        <Failure error={error} />
        {error instanceof Unreachable && <Text size="sm">{text.perhaps}</Text>}
      </Stack>
    );
  }
  if (answer === undefined) return null;
  return answer.way === "command" ? <OfCommand {...answer.answer} /> : <OfCall {...answer.answer} />;
}

function Silence({ problem }: { problem: Problem }) {
  const text = useCommandText();
  const { sent } = problem.document as { sent?: boolean };
  return (
    <Stack gap={4}>
      <State mood="warning">{text.silent}</State>
      <Text size="sm">{problem.document.detail}</Text>
      <Text size="sm">{sent === false ? text.unsent : text.maybe}</Text>
    </Stack>
  );
}

function OfCall({ result, error, latency_ms }: Schemas["CallAnswered"]) {
  const text = useCommandText();
  if (error) {
    return (
      <Said mood="bad" word={error.code} about={text.callError} latency={latency_ms}>
        {error.description && <Text size="sm">{error.description}</Text>}
        <Json value={error.details} />
      </Said>
    );
  }
  const { mood, word } = verdictOf(result);
  return (
    <Said mood={mood} word={word || text.answered} about="" latency={latency_ms}>
      <Json value={result} />
    </Said>
  );
}

function OfCommand({ accepted, status, info, result, follow }: Schemas["CommandAnswered"]) {
  const text = useCommandText();
  return (
    <Said
      mood={accepted ? "good" : "bad"}
      word={status || text.answered}
      about={accepted ? text.accepted : text.refused}
    >
      {info && <Text size="sm">{info}</Text>}
      {follow && <Text size="sm">{text.follows(follow.actions.join(", "))}</Text>}
      <Json value={result} />
    </Said>
  );
}

function Said({
  mood,
  word,
  about,
  latency,
  children,
}: {
  mood: Mood;
  word: string;
  about: string;
  latency?: number;
  children: React.ReactNode;
}) {
  const text = useCommandText();
  const format = useFormat();
  return (
    <Stack gap="xs">
      <Group gap="xs">
        <State mood={mood}>{word}</State>
        <Text size="sm" c="dimmed">
          {about} {latency !== undefined && text.took(format.latency(latency))}
        </Text>
      </Group>
      {children}
    </Stack>
  );
}

function Json({ value }: { value: unknown }) {
  if (value === null || value === undefined || (isObject(value) && Object.keys(value).length === 0))
    return null;
  return (
    <Code block tabIndex={0}>
      {JSON.stringify(value, null, 2)}
    </Code>
  );
}
