import { NumberInput, Select, SimpleGrid, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, result, type Schemas } from "../../api/client";
import { may, useMe } from "../../api/me";
import { choicesOf, useNetworks } from "../../api/networks";
import { FormDialog } from "../../components/FormDialog";
import { changesOf } from "../../lib/changes";
import { fromLocal, toLocal } from "../../lib/localTime";
import { useText } from "./text";

type IdToken = Schemas["IdToken"];

const BLANK: IdToken = {
  token: "",
  type: "",
  group: "",
  status: "Accepted",
  expires: null,
  concurrent: 0,
  network: "",
  holder: "",
  language: "",
  message: "",
};

/** The fields of a token: of a new one, or of one that is there. */
export function TokenForm({ token: known, onClose }: { token?: IdToken; onClose: () => void }) {
  const text = useText();
  const me = useMe();
  const client = useQueryClient();
  const networks = choicesOf(useNetworks(), me, "operator");
  const [before] = useState(known ?? BLANK);
  const [draft, setDraft] = useState(before);
  const set = (changes: Partial<IdToken>) => setDraft((now) => ({ ...now, ...changes }));
  const save = useMutation({
    mutationFn: async () => {
      const { token, ...fields } = draft;
      if (known === undefined) {
        return result(api.POST("/api/v1/id-tokens", { body: { ...fields, token: token.trim() } }));
      }
      const body = changesOf(before, draft);
      return result(api.PATCH("/api/v1/id-tokens/{token}", { params: { path: { token } }, body }));
    },
    onSuccess: (saved) => {
      onClose();
      notifications.show({ color: "green", message: text.saved(saved.token) });
      return client.invalidateQueries({ queryKey: ["id-tokens"] });
    },
  });
  const words = (name: "holder" | "group" | "type" | "language" | "message", most: number) => (
    <TextInput
      label={text[name]}
      description={text[`${name}Help`]}
      value={draft[name]}
      maxLength={most}
      onChange={(event) => set({ [name]: event.currentTarget.value })}
    />
  );
  return (
    <FormDialog
      title={known === undefined ? text.add : text.changeTitle(known.token)}
      action={text.save}
      isRunning={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
      onClose={onClose}
    >
      {known === undefined && (
        <TextInput
          label={text.token}
          description={text.tokenHelp}
          value={draft.token}
          maxLength={255}
          required
          data-autofocus
          onChange={(event) => set({ token: event.currentTarget.value })}
        />
      )}
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        {words("holder", 1000)}
        <Select
          label={text.network}
          data={may(me, "operator") ? [{ value: "", label: text.allNetworks }, ...networks] : networks}
          value={draft.network}
          allowDeselect={false}
          onChange={(network) => set({ network: network ?? "" })}
        />
        {words("group", 255)}
        <TextInput
          type="datetime-local"
          label={text.expires}
          description={text.expiresHelp}
          value={toLocal(draft.expires)}
          onChange={(event) => set({ expires: fromLocal(event.currentTarget.value) })}
        />
        <NumberInput
          label={text.concurrent}
          description={text.concurrentHelp}
          value={draft.concurrent}
          min={0}
          max={1_000_000}
          allowDecimal={false}
          onChange={(value) => set({ concurrent: Number(value) || 0 })}
        />
        {words("type", 100)}
        {words("language", 8)}
        {words("message", 1000)}
      </SimpleGrid>
    </FormDialog>
  );
}
