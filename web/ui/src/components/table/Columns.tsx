import { Button, Checkbox, Popover, Stack } from "@mantine/core";
import { IconColumns3 } from "@tabler/icons-react";

import { texts } from "../../lib/i18n";
import type { Column } from "./columns";

const useText = texts({ columns: "Columns", usual: "As usual" }, { columns: "Spalten", usual: "Wie üblich" });

/** Lets columns be chosen. */
export function Columns<T>({
  columns,
  shown,
  onChoose,
}: {
  columns: readonly Column<T>[];
  shown: readonly Column<T>[];
  onChoose: (chosen: string | undefined) => void;
}) {
  const text = useText();
  const keys = new Set(shown.map((column) => column.key));
  function toggle(key: string) {
    if (!keys.delete(key)) keys.add(key);
    const chosen = columns.filter((column) => !column.isFixed && keys.has(column.key));
    onChoose(chosen.map((column) => column.key).join(",") || "none");
  }
  return (
    <Popover position="bottom-end" trapFocus>
      <Popover.Target>
        <Button variant="default" leftSection={<IconColumns3 size={16} aria-hidden />}>
          {text.columns}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={text.columns}>
        <Stack gap="xs">
          {columns.map((column) => (
            <Checkbox
              key={column.key}
              size="sm"
              label={column.title}
              checked={keys.has(column.key)}
              disabled={column.isFixed === true}
              onChange={() => toggle(column.key)}
            />
          ))}
          <Button size="compact-sm" variant="default" onClick={() => onChoose(undefined)}>
            {text.usual}
          </Button>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
