import { Select, SimpleGrid, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, result, type Schemas } from "../../api/client";
import { useMe } from "../../api/me";
import { choicesOf, useNetworks } from "../../api/networks";
import { FormDialog } from "../../components/FormDialog";
import { changesOf } from "../../lib/changes";
import { useText } from "./text";

type Station = Schemas["CsmsStation"];
type Draft = Pick<Station, "identity" | "network" | "name" | "location" | "registration">;
const REGISTRATIONS = ["Accepted", "Pending", "Rejected"] as const;

/** The fields of a station: of a new one in a network, or of one that is there. */
export function StationForm({
  network,
  station: known,
  onClose,
}: {
  network: string;
  station?: Station;
  onClose: () => void;
}) {
  const text = useText();
  const client = useQueryClient();
  const networks = choicesOf(useNetworks(), useMe(), "operator");
  const blank: Draft = { identity: "", network, name: "", location: "", registration: "" };
  const [before] = useState<Draft>(known ?? blank);
  const [draft, setDraft] = useState(before);
  const set = (changes: Partial<Draft>) => setDraft((now) => ({ ...now, ...changes }));
  const save = useMutation({
    mutationFn: () => {
      const { identity } = draft;
      if (known === undefined) {
        return result(api.POST("/api/v1/csms/stations", { body: { ...draft, identity: identity.trim() } }));
      }
      const body = changesOf(before, draft);
      return result(api.PATCH("/api/v1/csms/stations/{identity}", { params: { path: { identity } }, body }));
    },
    onSuccess: async (saved) => {
      onClose();
      notifications.show({ color: "green", message: text.saved(saved.identity) });
      await client.invalidateQueries({ queryKey: ["networks"] });
      await client.invalidateQueries({ queryKey: ["csms"] });
    },
  });
  return (
    <FormDialog
      title={known === undefined ? text.addStation : text.changeTitle(known.identity)}
      action={text.save}
      isRunning={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
      onClose={onClose}
    >
      {known === undefined && (
        <TextInput
          label={text.identity}
          description={text.identityHelp}
          value={draft.identity}
          maxLength={255}
          required
          data-autofocus
          onChange={(event) => set({ identity: event.currentTarget.value })}
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
        <Select
          label={text.network}
          data={networks}
          value={draft.network}
          allowDeselect={false}
          onChange={(chosen) => set({ network: chosen ?? network })}
        />
        <Select
          label={text.registration}
          data={[{ value: "", label: text.asConfigured }, ...REGISTRATIONS]}
          value={draft.registration}
          allowDeselect={false}
          onChange={(chosen) =>
            set({ registration: REGISTRATIONS.find((registration) => registration === chosen) ?? "" })
          }
        />
      </SimpleGrid>
    </FormDialog>
  );
}
