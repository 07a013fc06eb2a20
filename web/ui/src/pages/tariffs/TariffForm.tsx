import { Select, SimpleGrid, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, result } from "../../api/client";
import { useMe } from "../../api/me";
import { choicesOf, useNetworks } from "../../api/networks";
import { FormDialog } from "../../components/FormDialog";
import { Example } from "./Example";
import { BLANK, type Draft, draftOf, type Tariff, wantedOf } from "./tariff";
import { useText } from "./text";

/** The fields of a tariff: of a new one, or of the next version of one. */
export function TariffForm({ tariff, onClose }: { tariff?: Tariff; onClose: () => void }) {
  const text = useText();
  const client = useQueryClient();
  const networks = choicesOf(useNetworks(), useMe(), "viewer");
  const [draft, setDraft] = useState<Draft>(() =>
    tariff === undefined ? BLANK : draftOf(tariff, Date.now()),
  );
  const set = (changes: Partial<Draft>) => setDraft((before) => ({ ...before, ...changes }));
  const save = useMutation({
    mutationFn: () => {
      const params = { path: { name: draft.name.trim() } };
      return result(api.PUT("/api/v1/tariffs/{name}", { params, body: wantedOf(draft) }));
    },
    onSuccess: (saved) => {
      onClose();
      notifications.show({ color: "green", message: text.saved(saved.name, saved.version) });
      return client.invalidateQueries({ queryKey: ["tariffs"] });
    },
  });
  const price = (name: keyof Draft, label: string, description?: string) => (
    <TextInput
      label={label}
      description={description}
      value={draft[name]}
      inputMode="decimal"
      maxLength={20}
      placeholder={name === "vat" ? "" : "0"}
      onChange={(event) => set({ [name]: event.currentTarget.value })}
    />
  );
  return (
    <FormDialog
      title={tariff === undefined ? text.add : text.nextTitle(tariff.name)}
      action={text.save}
      isRunning={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
      onClose={onClose}
    >
      {tariff === undefined && (
        <TextInput
          label={text.name}
          description={text.nameHelp}
          value={draft.name}
          maxLength={64}
          required
          data-autofocus
          onChange={(event) => set({ name: event.currentTarget.value })}
        />
      )}
      <SimpleGrid cols={{ base: 1, xs: 2, sm: 3 }}>
        {price("per_kwh", text.perKwh)}
        {price("per_minute", text.perMinute, text.perMinuteHelp)}
        {price("free_minutes", text.freeMinutes, text.freeMinutesHelp)}
        {price("per_session", text.perSession)}
        {price("per_idle_minute", text.perIdleMinute, text.perIdleMinuteHelp)}
        {price("vat", text.vat, text.vatHelp)}
      </SimpleGrid>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <TextInput
          label={text.currency}
          description={text.currencyHelp}
          value={draft.currency}
          maxLength={3}
          placeholder="EUR"
          onChange={(event) => set({ currency: event.currentTarget.value.toUpperCase() })}
        />
        <TextInput
          type="datetime-local"
          label={text.since}
          description={text.sinceHelp}
          value={draft.since}
          onChange={(event) => set({ since: event.currentTarget.value })}
        />
        <Select
          label={text.network}
          description={text.networkHelp}
          data={[{ value: "", label: text.allNetworks }, ...networks]}
          value={draft.network}
          allowDeselect={false}
          onChange={(network) => set({ network: network ?? "" })}
        />
        <TextInput
          label={text.group}
          description={text.groupHelp}
          value={draft.group}
          maxLength={255}
          onChange={(event) => set({ group: event.currentTarget.value })}
        />
      </SimpleGrid>
      <Example draft={draft} />
    </FormDialog>
  );
}
