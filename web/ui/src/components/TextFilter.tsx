import { TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useEffect, useState } from "react";

/** A field whose text filters a moment after it was typed. */
export function TextFilter({
  value,
  onChange,
  label,
  width = 240,
  isSearch = true,
}: {
  value: string;
  onChange: (text: string) => void;
  label: string;
  width?: number;
  /** Whether `/` leads to it: of several on a page the first one. */
  isSearch?: boolean;
}) {
  const [typed, setTyped] = useState(value);
  const [before, setBefore] = useState(value);
  if (before !== value) {
    setBefore(value);
    setTyped(value);
  }
  useEffect(() => {
    if (typed === value) return;
    const timer = setTimeout(() => onChange(typed), 200);
    return () => clearTimeout(timer);
  }, [typed, value, onChange]);
  return (
    <TextInput
      data-search={isSearch || undefined}
      type="search"
      aria-label={label}
      placeholder={label}
      leftSection={<IconSearch size={16} aria-hidden />}
      value={typed}
      maxLength={100}
      onChange={(event) => setTyped(event.currentTarget.value)}
      w={width}
    />
  );
}
