import { ActionIcon, Menu } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { IconBan, IconCircleCheck, IconDots, IconHistory, IconPencil, IconTrash } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "wouter";

import { api, result, type Schemas } from "../../api/client";
import { mayIn, useMe } from "../../api/me";
import { Confirm } from "../../components/Confirm";
import { useFailureNotice } from "../../components/Failure";
import { address } from "../../lib/location";
import { useText } from "./text";
import { TokenForm } from "./TokenForm";

/** What can be done with a token by whoever looks at it: nothing is offered that would be refused. */
export function TokenActions({ token: row }: { token: Schemas["IdToken"] }) {
  const text = useText();
  const tell = useFailureNotice();
  const client = useQueryClient();
  const mayAct = mayIn(useMe(), row.network || null, "operator");
  const [open, setOpen] = useState<"change" | "remove" | null>(null);
  const params = { path: { token: row.token } };
  const refresh = () => client.invalidateQueries({ queryKey: ["id-tokens"] });
  const block = useMutation({
    mutationFn: (status: "Accepted" | "Blocked") =>
      result(api.PATCH("/api/v1/id-tokens/{token}", { params, body: { status } })),
    onError: tell,
    onSettled: refresh,
  });
  const remove = useMutation({
    mutationFn: () => result(api.DELETE("/api/v1/id-tokens/{token}", { params })),
    onSuccess: () => {
      setOpen(null);
      notifications.show({ color: "green", message: text.gone(row.token) });
      return refresh();
    },
  });
  const isBlocked = row.status === "Blocked";
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" size="md" aria-label={text.actions(row.token)}>
            <IconDots size={18} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item
            component={Link}
            href={address("/transactions", { token: row.token })}
            leftSection={<IconHistory size={16} aria-hidden />}
          >
            {text.transactions}
          </Menu.Item>
          {mayAct && (
            <>
              <Menu.Item leftSection={<IconPencil size={16} aria-hidden />} onClick={() => setOpen("change")}>
                {text.change}
              </Menu.Item>
              <Menu.Item
                leftSection={
                  isBlocked ? <IconCircleCheck size={16} aria-hidden /> : <IconBan size={16} aria-hidden />
                }
                onClick={() => block.mutate(isBlocked ? "Accepted" : "Blocked")}
              >
                {isBlocked ? text.unblock : text.block}
              </Menu.Item>
              <Menu.Item
                c="var(--vg-bad)"
                leftSection={<IconTrash size={16} aria-hidden />}
                onClick={() => setOpen("remove")}
              >
                {text.remove}
              </Menu.Item>
            </>
          )}
        </Menu.Dropdown>
      </Menu>
      {open === "change" && <TokenForm token={row} onClose={() => setOpen(null)} />}
      <Confirm
        title={text.removeTitle(row.token)}
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
