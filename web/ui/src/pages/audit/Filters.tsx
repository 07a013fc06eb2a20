import { Button, Group, Select, TextInput } from "@mantine/core";
import type { SubmitEvent } from "react";

import { saidIn } from "../../lib/form";
import { FILTERS, OUTCOMES } from "./query";
import { useText } from "./text";

/** What is looked for; it goes into the address when it is sent. */
export function Filters({
  parameters,
  change,
  clear,
}: {
  parameters: Record<string, string>;
  change: (changes: Record<string, string | undefined>) => void;
  clear: (() => void) | null;
}) {
  const text = useText();
  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    const said = saidIn(event.currentTarget);
    change(Object.fromEntries(FILTERS.map((name) => [name, said(name).trim()])));
  }
  return (
    <form onSubmit={submit} key={FILTERS.map((name) => parameters[name]).join("\n")}>
      <Group align="flex-end" gap="sm" mb="md">
        <TextInput
          name="backend"
          data-search
          label={text.who}
          placeholder={text.whoHelp}
          maxLength={100}
          defaultValue={parameters.backend}
          w={{ base: "100%", sm: 180 }}
        />
        <TextInput
          name="action"
          label={text.action}
          maxLength={100}
          defaultValue={parameters.action}
          w={{ base: "100%", sm: 170 }}
        />
        <TextInput
          name="station"
          label={text.station}
          maxLength={255}
          defaultValue={parameters.station}
          w={{ base: "100%", sm: 150 }}
        />
        <Select
          name="outcome"
          label={text.outcome}
          placeholder={text.any}
          clearable
          data={OUTCOMES.map((value) => ({ value, label: text.outcomes[value] }))}
          defaultValue={parameters.outcome}
          w={{ base: "100%", sm: 170 }}
        />
        <Group align="flex-end" gap="sm" w={{ base: "100%", sm: "auto" }}>
          <TextInput
            name="since"
            type="datetime-local"
            label={text.since}
            defaultValue={parameters.since}
            w={{ base: "100%", sm: 200 }}
          />
          <TextInput
            name="until"
            type="datetime-local"
            label={text.until}
            defaultValue={parameters.until}
            w={{ base: "100%", sm: 200 }}
          />
          <Button type="submit">{text.filter}</Button>
          {clear && (
            <Button variant="default" onClick={clear}>
              {text.clear}
            </Button>
          )}
        </Group>
      </Group>
    </form>
  );
}
