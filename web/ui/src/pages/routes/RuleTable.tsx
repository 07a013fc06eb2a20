import { Code, Stack, Table, Text } from "@mantine/core";
import { Fragment } from "react";

import { useFormat } from "../../lib/format";
import classes from "./RuleTable.module.css";
import { answerOf, type Condition, conditionsOf, type Rule, words } from "./rules";
import { useText } from "./text";

/** The rules of a route in words, in the order in which they are tried. */
export function RuleTable({
  route,
  rules,
  decides,
}: {
  route: string;
  rules: readonly Rule[];
  /** The place of the rule that would decide what was asked. */
  decides: number | null;
}) {
  const text = useText();
  const hasCopies = rules.some((rule) => words(rule.copy).length > 0);
  return (
    <Table horizontalSpacing="md" aria-label={route} className={classes.table}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th scope="col" className={classes.number}>
            {text.number}
          </Table.Th>
          <Table.Th scope="col">{text.when}</Table.Th>
          <Table.Th scope="col" w="30%">
            {text.answers}
          </Table.Th>
          {hasCopies && (
            <Table.Th scope="col" w="20%">
              {text.also}
            </Table.Th>
          )}
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {rules.map((rule, place) => (
          <Table.Tr
            key={place}
            className={place === decides ? classes.decides : undefined}
            aria-current={place === decides || undefined}
          >
            <Table.Th scope="row" className={`${classes.number ?? ""} tabular`}>
              {place + 1}
            </Table.Th>
            <Table.Td>
              <When conditions={conditionsOf(rule)} isFirst={place === 0} />
            </Table.Td>
            <Table.Td data-title={text.answers}>
              <Answers rule={rule} />
            </Table.Td>
            {hasCopies && <Copies names={words(rule.copy)} title={text.also} />}
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function Copies({ names, title }: { names: string[]; title: string }) {
  return <Table.Td data-title={names.length > 0 ? title : undefined}>{names.join(", ")}</Table.Td>;
}

function When({ conditions, isFirst }: { conditions: Condition[]; isFirst: boolean }) {
  const text = useText();
  if (conditions.length === 0) {
    return (
      <Text size="sm" span>
        {isFirst ? text.every : text.others}
      </Text>
    );
  }
  return (
    <Stack gap={4}>
      {conditions.map(({ key, values }) => (
        <Text key={key} size="sm" style={{ overflowWrap: "anywhere" }}>
          {text.condition[key]} {key === "tokens" && values[0] === "any" && text.anyToken}
          {key === "tokens" && values[0] === "none" && text.noToken}
          {!(key === "tokens" && ["any", "none"].includes(values[0] ?? "")) &&
            values.map((value, index) => (
              <Fragment key={value}>
                {index > 0 && ` ${text.or} `}
                <Code>{value}</Code>
              </Fragment>
            ))}
        </Text>
      ))}
    </Stack>
  );
}

function Answers({ rule }: { rule: Rule }) {
  const text = useText();
  const format = useFormat();
  const { names, shares } = answerOf(rule);
  const [first, ...rest] = names;
  const authorize = words(rule.authorize).slice(1); // the first is the one that answers
  return (
    <Stack gap={4}>
      {shares === null ? (
        <Text size="sm">
          <Text span fw={550} size="sm">
            {first}
          </Text>
          {rest.length > 0 && `; ${text.then(rest.join(", "))}`}
        </Text>
      ) : (
        names.map((name, index) => (
          <Text key={name} size="sm">
            <Text span fw={550} size="sm">
              {name}
            </Text>{" "}
            {text.share(format.number(shares[index] ?? 0))}
          </Text>
        ))
      )}
      {authorize.length > 0 && (
        <Text size="xs" c="dimmed">
          {text.authorize(authorize.join(", "))}
        </Text>
      )}
    </Stack>
  );
}
