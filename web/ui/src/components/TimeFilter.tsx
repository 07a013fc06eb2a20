import { Box, TextInput } from "@mantine/core";

import { fromLocal, toLocal } from "../lib/localTime";

/** A moment in the viewer's zone that filters; its value is RFC 3339, "" for none. */
export function TimeFilter({
  value,
  onChange,
  label,
}: {
  value: string | undefined;
  onChange: (at: string) => void;
  label: string;
}) {
  return (
    <TextInput
      type="datetime-local"
      aria-label={label}
      leftSection={<Box fz="xs">{label}</Box>}
      leftSectionWidth={44}
      value={toLocal(value ?? null)}
      onChange={(event) => onChange(fromLocal(event.currentTarget.value) ?? "")}
      w={240}
    />
  );
}
