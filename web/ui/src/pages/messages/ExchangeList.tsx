import { Anchor, Badge, Box, Code, Group, Stack, Text, Title, UnstyledButton } from "@mantine/core";
import { IconArrowLeft, IconArrowRight, IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { memo, useState } from "react";
import { Link } from "wouter";

import { Failure } from "../../components/Failure";
import { type Mood, State } from "../../components/State";
import { Time } from "../../components/Time";
import { useFormat } from "../../lib/format";
import { stationAddress } from "../../lib/location";
import classes from "./Messages.module.css";
import { changesOf, errorOf, explain } from "./explain";
import { useCall } from "./Log";
import { callsOf, type Exchange, isOfStation, type Said } from "./said";
import { useText } from "./text";

const MOODS: Record<string, Mood> = { result: "good", error: "bad", unanswered: "warning" };

/** Calls, each in a line, with all of its legs behind it. */
export function ExchangeList({ calls, isLog }: { calls: readonly Exchange[]; isLog: boolean }) {
  return (
    <ol className={classes.list}>
      {calls.map((call) => (
        <One key={call.key} call={call} isLog={isLog} />
      ))}
    </ol>
  );
}

const One = memo(function One({ call, isLog }: { call: Exchange; isLog: boolean }) {
  const text = useText();
  const format = useFormat();
  const [isOpen, setOpen] = useState(false);
  const [first] = call.legs;
  if (first === undefined) return null;
  const Sign = isOpen ? IconChevronDown : IconChevronRight;
  const Arrow = isOfStation(first) ? IconArrowRight : IconArrowLeft;
  const decided = decisionOf(first, text);
  const others = new Set(call.legs.map((leg) => leg.leg).filter((leg) => leg !== null && leg !== "station"));
  if (first.backend !== null) others.add(first.backend);
  return (
    <li className={classes.item}>
      <UnstyledButton className={classes.head} onClick={() => setOpen(!isOpen)} aria-expanded={isOpen}>
        <Sign size={14} aria-hidden />
        <Time at={first.at} />
        <Text size="sm" truncate className={classes.action} fw={550}>
          {first.action ?? text.kinds[first.kind]}
        </Text>
        <Group gap={6} wrap="nowrap" className={classes.parties}>
          <Text size="sm" truncate>
            {first.station}
          </Text>
          {others.size > 0 && <Arrow size={14} aria-hidden style={{ flexShrink: 0 }} />}
          <Text size="sm" c="dimmed" truncate>
            {[...others].join(", ")}
          </Text>
        </Group>
        <Group gap={6} wrap="nowrap" className={classes.decided}>
          <Text size="xs" c="dimmed" truncate>
            {decided}
          </Text>
          {call.legs.some((leg) => leg.changed) && (
            <Badge size="sm" color="gray" variant="outline" tt="none" style={{ flexShrink: 0 }}>
              {text.isChanged}
            </Badge>
          )}
        </Group>
        <Text size="xs" c="dimmed" className={`tabular ${classes.latency}`}>
          {first.latency_ms !== null && format.latency(first.latency_ms)}
        </Text>
        <Group wrap="nowrap" className={classes.outcome}>
          <Outcome said={first} />
        </Group>
      </UnstyledButton>
      {isOpen && (isLog ? <Whole call={call} /> : <Body legs={call.legs} isLog={false} />)}
    </li>
  );
});

/** A call of the log, with the legs that a filter left out. */
function Whole({ call }: { call: Exchange }) {
  const [first] = call.legs;
  const whole = useCall(first?.station ?? "", first?.call ?? null);
  if (whole.error !== null) {
    return (
      <Box p="md">
        <Failure error={whole.error} retry={() => void whole.refetch()} />
      </Box>
    );
  }
  const legs = callsOf(whole.data ?? [])[0]?.legs ?? call.legs;
  return <Body legs={legs} isLog />;
}

function Body({ legs, isLog }: { legs: readonly Said[]; isLog: boolean }) {
  const text = useText();
  const format = useFormat();
  const [first] = legs;
  if (first === undefined) return null;
  return (
    <Stack gap="md" className={classes.body}>
      {isLog && (
        <Box>
          <Title order={2} size="h6" mb={4}>
            {text.became}
          </Title>
          {explain(legs, text, format).map((sentence) => (
            <Text key={sentence} size="sm" style={{ overflowWrap: "anywhere" }}>
              {sentence}
            </Text>
          ))}
        </Box>
      )}
      <Box className={classes.legs}>
        {legs.map((leg) => (
          <Leg key={leg.id} leg={leg} />
        ))}
      </Box>
      <Anchor component={Link} href={stationAddress(first.station)} size="sm" c="var(--vg-accent)">
        {text.toStation}
      </Anchor>
    </Stack>
  );
}

/** What was said on one leg. */
function Leg({ leg }: { leg: Said }) {
  const text = useText();
  const format = useFormat();
  const changes = [...changesOf(leg, false), ...changesOf(leg, true)];
  return (
    <Box component="section" className={classes.leg}>
      <Group justify="space-between" mb={4} gap="xs">
        <Text size="sm" fw={600}>
          {leg.direction === null ? text.kinds[leg.kind] : text.direction[leg.direction]}
          {leg.direction?.endsWith("_backend") && ` ${leg.leg ?? ""}`}
        </Text>
        <Group gap="xs">
          <Text size="xs" c="dimmed" className="tabular">
            {leg.latency_ms !== null && format.latency(leg.latency_ms)}
          </Text>
          <Outcome said={leg} />
        </Group>
      </Group>
      <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
        <Time at={leg.at} />
        {leg.message_id !== null && ` · ${text.id} ${leg.message_id}`}
      </Text>
      {changes.length > 0 && (
        <Text size="xs" style={{ overflowWrap: "anywhere" }}>
          {text.changes}: {changes.join("; ")}
        </Text>
      )}
      {leg.description !== null && <Text size="xs">{leg.description}</Text>}
      <Payload title={text.said} value={leg.payload} />
      {leg.reply !== null && leg.reply !== undefined && <Payload title={text.reply} value={leg.reply} />}
    </Box>
  );
}

function Payload({ title, value }: { title: string; value: unknown }) {
  if (value === null || value === undefined) return null;
  return (
    <Box mt={6}>
      <Text size="xs" c="dimmed">
        {title}
      </Text>
      <Code block tabIndex={0} mah={320} style={{ overflow: "auto" }}>
        {typeof value === "string" ? value : JSON.stringify(value, null, 2)}
      </Code>
    </Box>
  );
}

function Outcome({ said }: { said: Said }) {
  const text = useText();
  if (said.outcome === null) {
    return said.kind === "call" || said.kind === "send" ? null : (
      <State mood="warning">{text.kinds[said.kind]}</State>
    );
  }
  return <State mood={MOODS[said.outcome] ?? "quiet"}>{wordOf(said, text)}</State>;
}

/** Return what was answered in a word: the status of a result, the code of an error. */
function wordOf(said: Said, text: ReturnType<typeof useText>): string {
  if (said.outcome === "error") return errorOf(said).split(" ")[0] || text.outcomes.error;
  if (said.outcome === "unanswered") return text.outcomes.unanswered;
  const status = (said.reply as { status?: unknown } | null)?.status;
  return typeof status === "string" ? status : text.outcomes.result;
}

function decisionOf(said: Said, text: ReturnType<typeof useText>): string {
  if (said.decided === null) return "";
  if (said.decided === "rule") return text.rule((said.rule ?? 0) + 1, said.route ?? "");
  const known: Record<string, string> = text.decided;
  return known[said.decided] ?? said.decided;
}
