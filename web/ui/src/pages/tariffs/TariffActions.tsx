import { ActionIcon, Menu } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { IconDots, IconPencil, IconTrash } from "@tabler/icons-react";
import { useState } from "react";

import { api, result } from "../../api/client";
import { Confirm } from "../../components/Confirm";
import type { Tariff } from "./tariff";
import { TariffForm } from "./TariffForm";
import { useText } from "./text";

/** What an administrator can do with a version of a tariff. */
export function TariffActions({ tariff }: { tariff: Tariff }) {
  const text = useText();
  const client = useQueryClient();
  const [open, setOpen] = useState<"next" | "remove" | null>(null);
  const { name, version } = tariff;
  const remove = useMutation({
    mutationFn: () =>
      result(api.DELETE("/api/v1/tariffs/{name}", { params: { path: { name }, query: { version } } })),
    onSuccess: () => {
      setOpen(null);
      notifications.show({ color: "green", message: text.gone(name, version) });
      return client.invalidateQueries({ queryKey: ["tariffs"] });
    },
  });
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" size="md" aria-label={text.actions(name, version)}>
            <IconDots size={18} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconPencil size={16} aria-hidden />} onClick={() => setOpen("next")}>
            {text.next}
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
      {open === "next" && <TariffForm tariff={tariff} onClose={() => setOpen(null)} />}
      <Confirm
        title={text.removeTitle(name, version)}
        action={text.remove}
        isOpen={open === "remove"}
        isRunning={remove.isPending}
        error={remove.error}
        onConfirm={() => remove.mutate()}
        onClose={() => setOpen(null)}
      >
        {text.removeHelp}
      </Confirm>
    </>
  );
}
