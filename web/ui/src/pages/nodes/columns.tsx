import { Button, Text } from "@mantine/core";

import { State } from "../../components/State";
import type { Column } from "../../components/table/columns";
import { Time } from "../../components/Time";
import type { Format } from "../../lib/format";
import type { Node } from "./index";
import type { useText } from "./text";

type Ask = (asked: { node: Node; does: "drain" | "undrain" }) => void;

/** Return the columns; with `ask` what can be done to a node is offered. */
export function columnsOf(
  text: ReturnType<typeof useText>,
  format: Format,
  ask: Ask | null,
  canDrain: boolean,
): Column<Node>[] {
  const columns: Column<Node>[] = [
    {
      key: "node",
      title: text.node,
      width: 180,
      isNarrow: true,
      render: (node) => (
        <>
          {node.name}
          {node.here && (
            <Text size="xs" c="dimmed">
              {text.here}
            </Text>
          )}
        </>
      ),
    },
    {
      key: "state",
      title: text.state,
      width: 130,
      isNarrow: true,
      render: (node) => <Shown node={node} text={text} />,
    },
    {
      key: "stations",
      title: text.stations,
      width: 90,
      isNumeric: true,
      isNarrow: true,
      render: (node) => format.count(node.stations),
    },
    {
      key: "load",
      title: text.load,
      width: 140,
      isNumeric: true,
      render: (node) => (node.load === null ? "" : `${format.number(100 * node.load, 0)} % ${text.loadHelp}`),
    },
    { key: "version", title: text.version, width: 90, render: (node) => node.version },
    { key: "since", title: text.since, width: 110, render: (node) => <Time at={node.since} /> },
    { key: "seen", title: text.seen, width: 110, render: (node) => <Time at={node.seen} ago /> },
  ];
  if (ask !== null) {
    columns.push({
      key: "actions",
      title: text.actions,
      width: 110,
      isNarrow: true,
      render: (node) => <Actions node={node} text={text} ask={ask} canDrain={canDrain} />,
    });
  }
  return columns;
}

function Shown({ node, text }: { node: Node; text: ReturnType<typeof useText> }) {
  if (!node.alive) return <State mood="bad">{text.silent}</State>;
  return <State mood={node.state === "serving" ? "good" : "warning"}>{text.states[node.state]}</State>;
}

function Actions({
  node,
  text,
  ask,
  canDrain,
}: {
  node: Node;
  text: ReturnType<typeof useText>;
  ask: Ask;
  canDrain: boolean;
}) {
  if (!node.alive) return null;
  if (node.state === "serving" && canDrain) {
    return (
      <Button
        size="compact-sm"
        variant="default"
        aria-label={text.drainOne(node.name)}
        onClick={() => ask({ node, does: "drain" })}
      >
        {text.drain}
      </Button>
    );
  }
  if (node.state !== "draining") return null;
  return (
    <Button
      size="compact-sm"
      variant="default"
      aria-label={text.undrainOne(node.name)}
      onClick={() => ask({ node, does: "undrain" })}
    >
      {text.undrain}
    </Button>
  );
}
