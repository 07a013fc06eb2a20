import { NumberInput, Stack, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, result } from "../../api/client";
import { Confirm } from "../../components/Confirm";
import type { Node } from "./index";
import { useText } from "./text";

const LONGEST = 86_400;

/** Asks before the stations of a node are handed over. */
export function Drain({ node, onClose }: { node: Node; onClose: () => void }) {
  const text = useText();
  const [spread, setSpread] = useState<number | string>("");
  const drain = useDone(
    () =>
      result(
        api.POST("/api/v1/nodes/{node}/drain", {
          params: { path: { node: node.id } },
          body: { spread: typeof spread === "number" ? spread : null },
        }),
      ),
    onClose,
  );
  return (
    <Confirm
      title={text.drainTitle(node.name)}
      action={text.drainAction}
      isOpen
      isRunning={drain.isPending}
      error={drain.error}
      onConfirm={() => drain.mutate()}
      onClose={onClose}
    >
      <Stack>
        <Text size="sm">{text.drainHelp(node.stations)}</Text>
        <NumberInput
          label={text.spread}
          description={text.spreadHelp}
          min={0}
          max={LONGEST}
          suffix=" s"
          value={spread}
          onChange={setSpread}
        />
      </Stack>
    </Confirm>
  );
}

/** Asks before a node takes stations again. */
export function Undrain({ node, onClose }: { node: Node; onClose: () => void }) {
  const text = useText();
  const undrain = useDone(
    () => result(api.DELETE("/api/v1/nodes/{node}/drain", { params: { path: { node: node.id } } })),
    onClose,
  );
  return (
    <Confirm
      title={text.undrainTitle(node.name)}
      action={text.undrainAction}
      isOpen
      isRunning={undrain.isPending}
      error={undrain.error}
      onConfirm={() => undrain.mutate()}
      onClose={onClose}
    >
      {text.undrainHelp}
    </Confirm>
  );
}

function useDone(does: () => Promise<unknown>, onDone: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: does,
    onSuccess: async () => {
      onDone();
      await client.invalidateQueries({ queryKey: ["nodes"] });
    },
  });
}
