import { Button, Group, Modal, Select, Stack, Text, Textarea } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, result } from "../../api/client";
import { Failure } from "../../components/Failure";
import { identitiesOf } from "../../lib/identities";
import { useText } from "./text";

/** A form that claims stations for a backend: as many as are pasted into it. */
export function NewClaims({ backends, onClose }: { backends: string[]; onClose: () => void }) {
  const text = useText();
  const client = useQueryClient();
  const [backend, setBackend] = useState(backends.length === 1 ? (backends[0] ?? null) : null);
  const [typed, setTyped] = useState("");
  const stations = identitiesOf(typed);
  const claiming = useMutation({
    mutationFn: (name: string) => {
      const body = { add: stations };
      return result(api.PATCH("/api/v1/backends/{name}/stations", { params: { path: { name } }, body }));
    },
    onSuccess: (changed) => {
      notifications.show({
        color: changed.contested > 0 ? "orange" : "green",
        title: text.claimed(changed.added, changed.backend),
        message: changed.contested > 0 ? text.someContested(changed.contested) : text.atOnce,
      });
      onClose();
    },
    onSettled: () => client.invalidateQueries(),
  });
  return (
    <Modal
      opened
      onClose={onClose}
      centered
      title={text.claim}
      closeButtonProps={{ "aria-label": text.close }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (backend !== null) claiming.mutate(backend);
        }}
      >
        <Stack>
          <Select
            label={text.backend}
            placeholder={text.chooseBackend}
            data={backends}
            value={backend}
            onChange={setBackend}
            searchable={backends.length > 8}
          />
          <Textarea
            label={text.stations}
            description={text.stationsHelp}
            placeholder={"CP-0001\nCP-0002"}
            autosize
            minRows={5}
            maxRows={12}
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
          />
          {claiming.error && <Failure error={claiming.error} />}
          <Group justify="space-between">
            <Text size="sm" c="dimmed" role="status">
              {stations.length > 0 && text.stationCount(stations.length)}
            </Text>
            <Group gap="xs">
              <Button variant="default" onClick={onClose}>
                {text.cancel}
              </Button>
              <Button
                type="submit"
                disabled={backend === null || stations.length === 0}
                loading={claiming.isPending}
              >
                {text.doClaim}
              </Button>
            </Group>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
