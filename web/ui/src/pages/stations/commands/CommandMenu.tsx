import { NavLink, Paper, ScrollArea, Stack, Text, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "wouter";

import { type Choice, type Menu } from "../../../components/commands/commands";
import { called, useCommandNames } from "../../../components/commands/names";
import { useSegments } from "../../../lib/location";
import { versionName } from "../../../lib/versions";
import { commandAddress } from "../addresses";
import { useCommandText } from "./text";

/** What a station can be told, in plain words first. */
export function CommandMenu({
  menu,
  chosen,
  version,
}: {
  menu: Menu;
  chosen: string | undefined;
  version: string;
}) {
  const text = useCommandText();
  const names = useCommandNames();
  const [wanted, setWanted] = useState("");
  const sections = [
    [text.plain, menu.plain],
    [text.commands, menu.commands],
    [text.calls(versionName(version)), menu.calls],
  ] as const;
  const fits = (choice: Choice) =>
    `${called(names, choice.key)} ${choice.target}`.toLowerCase().includes(wanted.toLowerCase());
  const shown = sections
    .map(([title, choices]) => [title, choices.filter(fits)] as const)
    .filter(([, choices]) => choices.length > 0);
  return (
    <Paper component="nav" aria-label={text.choose} bg="var(--vg-surface)" withBorder p="xs">
      <TextInput
        data-search
        type="search"
        aria-label={text.search}
        placeholder={text.search}
        leftSection={<IconSearch size={16} aria-hidden />}
        value={wanted}
        onChange={(event) => setWanted(event.currentTarget.value)}
        mb="xs"
      />
      <ScrollArea.Autosize mah="70vh" type="auto">
        <Stack gap="sm">
          {shown.length === 0 && (
            <Text size="sm" c="dimmed" px="xs">
              {text.nothing}
            </Text>
          )}
          {shown.map(([title, choices]) => (
            <div key={title}>
              <Text size="xs" c="dimmed" px="xs" mb={2}>
                {title}
              </Text>
              {choices.map((choice) => (
                <Item key={choice.key} choice={choice} isChosen={choice.key === chosen} />
              ))}
            </div>
          ))}
        </Stack>
      </ScrollArea.Autosize>
    </Paper>
  );
}

function Item({ choice, isChosen }: { choice: Choice; isChosen: boolean }) {
  const names = useCommandNames();
  const [, identity = ""] = useSegments();
  return (
    <NavLink
      component={Link}
      href={commandAddress(identity, choice.key)}
      label={called(names, choice.key)}
      active={isChosen}
      aria-current={isChosen ? "page" : undefined}
      py={4}
      px="xs"
      color="var(--vg-accent)"
      variant="subtle"
    />
  );
}
