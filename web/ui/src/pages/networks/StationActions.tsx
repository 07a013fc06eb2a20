import { ActionIcon, Menu } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { IconDots, IconPencil, IconTrash } from "@tabler/icons-react";
import { useState } from "react";

import { api, result, type Schemas } from "../../api/client";
import { Confirm } from "../../components/Confirm";
import { StationForm } from "./StationForm";
import { useText } from "./text";

/** What an operator can do with a station of the management system. */
export function StationActions({ station }: { station: Schemas["CsmsStation"] }) {
  const text = useText();
  const client = useQueryClient();
  const [open, setOpen] = useState<"change" | "remove" | null>(null);
  const { identity } = station;
  const remove = useMutation({
    mutationFn: () =>
      result(api.DELETE("/api/v1/csms/stations/{identity}", { params: { path: { identity } } })),
    onSuccess: async () => {
      setOpen(null);
      notifications.show({ color: "green", message: text.gone(identity) });
      await client.invalidateQueries({ queryKey: ["networks"] });
      await client.invalidateQueries({ queryKey: ["csms"] });
    },
  });
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" size="md" aria-label={text.actions(identity)}>
            <IconDots size={18} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconPencil size={16} aria-hidden />} onClick={() => setOpen("change")}>
            {text.change}
          </Menu.Item>
          <Menu.Item
            c="var(--vg-bad)"
            leftSection={<IconTrash size={16} aria-hidden />}
            onClick={() => setOpen("remove")}
          >
            {text.remove}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {open === "change" && (
        <StationForm network={station.network} station={station} onClose={() => setOpen(null)} />
      )}
      <Confirm
        title={text.removeTitle(identity)}
        action={text.remove}
        isOpen={open === "remove"}
        isRunning={remove.isPending}
        error={remove.error}
        onConfirm={() => remove.mutate()}
        onClose={() => setOpen(null)}
      >
        {text.removeStationHelp}
      </Confirm>
    </>
  );
}
