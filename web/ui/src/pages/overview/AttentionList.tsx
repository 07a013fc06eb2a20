import { Anchor, Text } from "@mantine/core";
import { IconChevronRight } from "@tabler/icons-react";
import { Link } from "wouter";

import { Panel } from "../../components/Panel";
import { State } from "../../components/State";
import type { Attention } from "./attention";
import classes from "./Overview.module.css";
import { useText } from "./text";

/** What somebody should look at now; or that there is nothing. */
export function AttentionList({ items }: { items: Attention[] }) {
  const text = useText();
  if (items.length === 0) {
    return (
      <Panel title={text.attention}>
        <State mood="good">{text.calm}</State>
        <Text size="sm" c="dimmed" mt={4}>
          {text.calmHelp}
        </Text>
      </Panel>
    );
  }
  return (
    <Panel title={text.attention} padded={false}>
      <ul className={classes.attention}>
        {items.map((item) => (
          <li key={item.text}>
            <Anchor component={Link} href={item.href} className={classes.line} c="var(--mantine-color-text)">
              <State mood={item.mood}>{item.text}</State>
              <IconChevronRight size={16} aria-hidden />
            </Anchor>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
