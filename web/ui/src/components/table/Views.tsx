import { ActionIcon, Anchor, Button, Group, Popover, Stack, Text, TextInput } from "@mantine/core";
import { IconBookmark, IconCheck, IconPencil, IconTrash } from "@tabler/icons-react";
import { useState } from "react";
import { Link, useLocation } from "wouter";

import { texts } from "../../lib/i18n";
import { useHashSearch } from "../../lib/location";
import { isSame, removed, renamed, saved, useViews, type View } from "../../lib/views";

const useText = texts(
  {
    views: "Views",
    none: "A view is a name for the filter, order and columns that you see now. This browser keeps it.",
    name: "Name of a new view",
    rename: (name: string) => `Rename ${name}`,
    remove: (name: string) => `Delete ${name}`,
    newName: (name: string) => `New name of ${name}`,
    save: "Save",
  },
  {
    views: "Ansichten",
    none: "Eine Ansicht ist ein Name für Filter, Ordnung und Spalten, die Sie jetzt sehen. Dieser Browser behält sie.",
    name: "Name einer neuen Ansicht",
    rename: (name: string) => `${name} umbenennen`,
    remove: (name: string) => `${name} löschen`,
    newName: (name: string) => `Neuer Name von ${name}`,
    save: "Speichern",
  },
);

/** Names for what a page shows: for every page whose filter, order and columns stand in its address. */
export function Views() {
  const text = useText();
  const [path] = useLocation();
  const search = useHashSearch();
  const [views, keep] = useViews(path);
  const [renaming, setRenaming] = useState<string | null>(null);
  const current = views.find((view) => isSame(view.search, search));
  return (
    <Popover position="bottom-end" trapFocus width={300}>
      <Popover.Target>
        <Button variant="default" leftSection={<IconBookmark size={16} aria-hidden />}>
          {current?.name ?? text.views}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={text.views}>
        <Stack gap="xs">
          {views.length === 0 && (
            <Text size="sm" c="dimmed">
              {text.none}
            </Text>
          )}
          {views.map((view) =>
            renaming === view.name ? (
              <NameField
                key={view.name}
                label={text.newName(view.name)}
                initial={view.name}
                onName={(name) => {
                  keep(renamed(views, view.name, name));
                  setRenaming(null);
                }}
              />
            ) : (
              <Row
                key={view.name}
                view={view}
                path={path}
                isCurrent={view === current}
                onRename={() => setRenaming(view.name)}
                onRemove={() => keep(removed(views, view.name))}
              />
            ),
          )}
          <NameField label={text.name} onName={(name) => keep(saved(views, { name, search }))} />
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

function Row({
  view,
  path,
  isCurrent,
  onRename,
  onRemove,
}: {
  view: View;
  path: string;
  isCurrent: boolean;
  onRename: () => void;
  onRemove: () => void;
}) {
  const text = useText();
  return (
    <Group gap={4} wrap="nowrap" justify="space-between">
      <Anchor
        component={Link}
        href={view.search === "" ? path : `${path}?${view.search}`}
        size="sm"
        c="var(--vg-accent)"
        fw={isCurrent ? 650 : 450}
        aria-current={isCurrent ? "true" : undefined}
        style={{ overflowWrap: "anywhere" }}
      >
        {view.name}
      </Anchor>
      <Group gap={4} wrap="nowrap">
        <ActionIcon variant="subtle" color="gray" aria-label={text.rename(view.name)} onClick={onRename}>
          <IconPencil size={16} aria-hidden />
        </ActionIcon>
        <ActionIcon variant="subtle" color="gray" aria-label={text.remove(view.name)} onClick={onRemove}>
          <IconTrash size={16} aria-hidden />
        </ActionIcon>
      </Group>
    </Group>
  );
}

function NameField({
  label,
  initial = "",
  onName,
}: {
  label: string;
  initial?: string;
  onName: (name: string) => void;
}) {
  const text = useText();
  const [typed, setTyped] = useState(initial);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (typed.trim() === "") return;
        onName(typed.trim());
        setTyped("");
      }}
    >
      <Group gap={4} wrap="nowrap">
        <TextInput
          size="xs"
          flex={1}
          aria-label={label}
          placeholder={label}
          value={typed}
          maxLength={60}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <ActionIcon type="submit" size={30} variant="default" aria-label={text.save}>
          <IconCheck size={16} aria-hidden />
        </ActionIcon>
      </Group>
    </form>
  );
}
