import { ActionIcon, Button, Group, Modal, Select, Stack, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { type SubmitEvent, useState } from "react";

import { api, result, type Schemas } from "../../api/client";
import type { Role } from "../../api/me";
import { Failure } from "../../components/Failure";
import { changesOf } from "../../lib/changes";
import { saidIn } from "../../lib/form";
import { type InNetwork, ROLES, rolesOf, rowsOf } from "./roles";
import { useText } from "./text";

/** A user to be made (null), or to be changed: what people call them, and their roles. */
export function UserForm({
  user,
  onClose,
  onDone,
}: {
  user: Schemas["User"] | null;
  onClose: () => void;
  onDone: (made?: Schemas["Invited"]) => void;
}) {
  const text = useText();
  const [rows] = useState(() => rowsOf(user?.roles ?? { "*": "viewer" }));
  const [before] = useState({ person: user?.person ?? "", roles: rolesOf(rows.everywhere, rows.networks) });
  const [everywhere, setEverywhere] = useState(rows.everywhere);
  const [networks, setNetworks] = useState<readonly InNetwork[]>(rows.networks);
  const save = useMutation({
    mutationFn: async ({ login, person }: { login: string; person: string }) => {
      const roles = rolesOf(everywhere, networks);
      if (user === null) return result(api.POST("/api/v1/users", { body: { login, person, roles } }));
      await api.PATCH("/api/v1/users/{login}", {
        params: { path: { login: user.login } },
        body: changesOf(before, { person, roles }),
      });
      return undefined;
    },
    onSuccess: (made) => onDone(made),
  });
  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    const said = saidIn(event.currentTarget);
    save.mutate({ login: said("login").trim(), person: said("person").trim() });
  }
  const roles = ROLES.map((value) => ({ value, label: text.role[value] }));
  return (
    <Modal
      opened
      onClose={onClose}
      title={user === null ? text.newUser : text.editUser(user.login)}
      centered
      closeButtonProps={{ "aria-label": text.close }}
    >
      <form onSubmit={submit}>
        <Stack>
          {user === null && (
            <TextInput
              name="login"
              label={text.login}
              description={text.loginHelp}
              required
              data-autofocus
              autoComplete="off"
              pattern="[A-Za-z0-9][A-Za-z0-9_.+@\-]{0,99}"
            />
          )}
          <TextInput name="person" label={text.person} maxLength={200} defaultValue={user?.person} />
          <Select
            label={text.everywhere}
            description={text.everywhereHelp}
            placeholder={text.nowhere}
            clearable
            data={roles}
            value={everywhere}
            onChange={(value) => setEverywhere(roleOf(value))}
          />
          {networks.map((row, index) => (
            <Network
              key={index}
              row={row}
              onChange={(next) => setNetworks(networks.map((one, at) => (at === index ? next : one)))}
              onRemove={() => setNetworks(networks.filter((_, at) => at !== index))}
            />
          ))}
          <Button
            variant="default"
            leftSection={<IconPlus size={16} aria-hidden />}
            onClick={() => setNetworks([...networks, { network: "", role: "viewer" }])}
          >
            {text.addNetwork}
          </Button>
          {save.error && <Failure error={save.error} />}
          <Button type="submit" loading={save.isPending}>
            {user === null ? text.make : text.save}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}

function roleOf(value: string | null): Role | null {
  return ROLES.find((known) => known === value) ?? null;
}

function Network({
  row,
  onChange,
  onRemove,
}: {
  row: InNetwork;
  onChange: (row: InNetwork) => void;
  onRemove: () => void;
}) {
  const text = useText();
  return (
    <Group align="flex-end" gap="xs" wrap="nowrap">
      <TextInput
        label={text.network}
        required
        value={row.network}
        pattern="[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}"
        flex={1}
        onChange={(event) => onChange({ ...row, network: event.currentTarget.value })}
      />
      <Select
        label={text.networkRole}
        data={ROLES.map((value) => ({ value, label: text.role[value] }))}
        allowDeselect={false}
        value={row.role}
        w={150}
        onChange={(value) => onChange({ ...row, role: roleOf(value) ?? row.role })}
      />
      <ActionIcon variant="default" size={36} aria-label={text.removeNetwork(row.network)} onClick={onRemove}>
        <IconTrash size={16} aria-hidden />
      </ActionIcon>
    </Group>
  );
}
