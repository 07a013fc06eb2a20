import { Autocomplete, NumberInput, SimpleGrid, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, result } from "../../api/client";
import type { Network } from "../../api/networks";
import { FormDialog } from "../../components/FormDialog";
import { changesOf } from "../../lib/changes";
import { useText } from "./text";

type Draft = Pick<Network, "id" | "name" | "location" | "interval" | "currency" | "timezone">;
const BLANK: Draft = { id: "", name: "", location: "", interval: null, currency: null, timezone: "" };
const ZONES = Intl.supportedValuesOf("timeZone");

/** The fields of a network: of a new one, or of one that is there. */
export function NetworkForm({ network: known, onClose }: { network?: Network; onClose: () => void }) {
  const text = useText();
  const client = useQueryClient();
  const [before] = useState<Draft>(known ?? BLANK);
  const [draft, setDraft] = useState(before);
  const set = (changes: Partial<Draft>) => setDraft((now) => ({ ...now, ...changes }));
  const save = useMutation({
    mutationFn: () => {
      const { id } = draft;
      if (known === undefined)
        return result(api.POST("/api/v1/networks", { body: { ...draft, id: id.trim() } }));
      const body = changesOf(before, draft);
      return result(api.PATCH("/api/v1/networks/{network}", { params: { path: { network: id } }, body }));
    },
    onSuccess: (saved) => {
      onClose();
      notifications.show({ color: "green", message: text.saved(saved.name) });
      return client.invalidateQueries({ queryKey: ["networks"] });
    },
  });
  return (
    <FormDialog
      title={known === undefined ? text.add : text.changeTitle(known.name)}
      action={text.save}
      isRunning={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
      onClose={onClose}
    >
      {known === undefined && (
        <TextInput
          label={text.id}
          description={text.idHelp}
          value={draft.id}
          maxLength={64}
          required
          data-autofocus
          onChange={(event) => set({ id: event.currentTarget.value })}
        />
      )}
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <TextInput
          label={text.name}
          value={draft.name}
          maxLength={1000}
          onChange={(event) => set({ name: event.currentTarget.value })}
        />
        <TextInput
          label={text.location}
          value={draft.location}
          maxLength={1000}
          onChange={(event) => set({ location: event.currentTarget.value })}
        />
        <Autocomplete
          label={text.timezone}
          description={text.timezoneHelp}
          data={ZONES}
          limit={20}
          value={draft.timezone}
          onChange={(timezone) => set({ timezone })}
        />
        <TextInput
          label={text.currency}
          description={text.currencyHelp}
          value={draft.currency ?? ""}
          maxLength={3}
          onChange={(event) => set({ currency: event.currentTarget.value.toUpperCase() || null })}
        />
        <NumberInput
          label={text.intervalLabel}
          description={text.intervalHelp}
          value={draft.interval ?? ""}
          min={1}
          max={86_400}
          allowDecimal={false}
          onChange={(value) => set({ interval: value === "" ? null : Number(value) })}
        />
      </SimpleGrid>
    </FormDialog>
  );
}
