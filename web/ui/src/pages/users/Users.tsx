import { ActionIcon, Menu, Paper, Skeleton, Stack, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { IconDots, IconUsers } from "@tabler/icons-react";
import { useState } from "react";

import { api, base, result, type Schemas } from "../../api/client";
import { useMe } from "../../api/me";
import { Confirm } from "../../components/Confirm";
import { Empty } from "../../components/Empty";
import { Failure } from "../../components/Failure";
import { State } from "../../components/State";
import type { Column } from "../../components/table/columns";
import { ListTable } from "../../components/table/ListTable";
import { Time } from "../../components/Time";
import { Head } from "./Head";
import { Once } from "./Once";
import { EVERYWHERE, ROLES } from "./roles";
import { type UsersText, useText } from "./text";
import { UserForm } from "./UserForm";

type User = Schemas["User"];
type Does = "edit" | "invite" | "remove";

const KEY = ["users"];

/** The people who may sign in with a name and a password. */
export function Users() {
  const text = useText();
  const me = useMe();
  const client = useQueryClient();
  const [asked, setAsked] = useState<{ user: User; does: Does } | null>(null);
  const [isMaking, setMaking] = useState(false);
  const [invited, setInvited] = useState<Schemas["Invited"] | null>(null);
  const users = useQuery({
    queryKey: KEY,
    queryFn: () => result(api.GET("/api/v1/users", { params: { query: { limit: 1000 } } })),
  });
  const close = () => {
    setAsked(null);
    setMaking(false);
    invite.reset();
    remove.reset();
  };
  const onDone = async (made?: Schemas["Invited"]) => {
    close();
    if (made) setInvited(made);
    await client.invalidateQueries({ queryKey: KEY });
  };
  const invite = useMutation({
    mutationFn: (login: string) =>
      result(api.POST("/api/v1/users/{login}/invitation", { params: { path: { login } } })),
    onSuccess: onDone,
  });
  const remove = useMutation({
    mutationFn: (login: string) =>
      result(api.DELETE("/api/v1/users/{login}", { params: { path: { login } } })),
    onSuccess: () => onDone(),
  });
  const login = asked?.user.login ?? "";
  return (
    <>
      <Head part="users" add={text.newUser} onAdd={() => setMaking(true)} />
      {users.error && <Failure error={users.error} retry={() => void users.refetch()} />}
      {users.isPending && <Skeleton height={160} aria-busy />}
      {users.data && (
        <Paper bg="var(--vg-surface)" withBorder style={{ overflow: "hidden" }}>
          {users.data.items.length === 0 ? (
            <Empty icon={IconUsers} title={text.noUsers}>
              {text.noUsersHelp}
            </Empty>
          ) : (
            <ListTable
              label={text.users}
              columns={columnsOf(text, me.login, (user, does) => setAsked({ user, does }))}
              rows={users.data.items}
              rowKey={(user) => user.login}
            />
          )}
        </Paper>
      )}
      {(isMaking || asked?.does === "edit") && (
        <UserForm user={asked?.user ?? null} onClose={close} onDone={(made) => void onDone(made)} />
      )}
      <Confirm
        title={text.inviteTitle(login)}
        action={text.inviteAction}
        isOpen={asked?.does === "invite"}
        isRunning={invite.isPending}
        error={invite.error}
        onConfirm={() => invite.mutate(login)}
        onClose={close}
      >
        {text.inviteHelp}
      </Confirm>
      <Confirm
        title={text.removeUser(login)}
        action={text.removeAction}
        isOpen={asked?.does === "remove"}
        isRunning={remove.isPending}
        error={remove.error}
        onConfirm={() => remove.mutate(login)}
        onClose={close}
      >
        {text.removeUserHelp}
      </Confirm>
      {invited && (
        <Once
          title={text.invitation(invited.user.login)}
          label={text.link}
          secret={`${base}/#/invitation/${invited.invitation}`}
          onClose={() => setInvited(null)}
        >
          {text.invitationHelp} {text.until}: <Time at={invited.until} />
        </Once>
      )}
    </>
  );
}

function columnsOf(
  text: UsersText,
  own: string | null,
  ask: (user: User, does: Does) => void,
): Column<User>[] {
  return [
    {
      key: "user",
      title: text.user,
      width: 200,
      isNarrow: true,
      render: (user) => (
        <>
          {user.login}
          {user.person !== "" && (
            <Text size="xs" c="dimmed">
              {user.person}
            </Text>
          )}
        </>
      ),
    },
    {
      key: "roles",
      title: text.roles,
      width: 200,
      isNarrow: true,
      render: (user) => <Roles roles={user.roles} text={text} />,
    },
    { key: "state", title: text.state, width: 180, render: (user) => <Shown user={user} text={text} /> },
    {
      key: "made",
      title: text.made,
      width: 160,
      render: (user) => (
        <>
          <Time at={user.at} />
          <Text size="xs" c="dimmed">
            {text.by(user.by)}
          </Text>
        </>
      ),
    },
    {
      key: "actions",
      title: text.actions,
      width: 90,
      isNarrow: true,
      isNumeric: true,
      render: (user) => (
        <Menu position="bottom-end">
          <Menu.Target>
            <ActionIcon variant="subtle" color="gray" aria-label={text.menu(user.login)}>
              <IconDots size={16} aria-hidden />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => ask(user, "edit")}>{text.edit}</Menu.Item>
            <Menu.Item onClick={() => ask(user, "invite")}>{text.invite}</Menu.Item>
            {user.login !== own && (
              <Menu.Item c="var(--vg-bad)" onClick={() => ask(user, "remove")}>
                {text.remove}
              </Menu.Item>
            )}
          </Menu.Dropdown>
        </Menu>
      ),
    },
  ];
}

function Roles({ roles, text }: { roles: Record<string, string>; text: UsersText }) {
  const entries = Object.entries(roles);
  if (entries.length === 0) return text.noRoles;
  return (
    <Stack gap={0}>
      {entries.map(([network, name]) => {
        const role = ROLES.find((known) => known === name);
        const where = network === EVERYWHERE ? text.everywhere : text.in(network);
        return (
          <Text key={network} size="sm">
            {where}: {role === undefined ? name : text.role[role]}
          </Text>
        );
      })}
    </Stack>
  );
}

function Shown({ user, text }: { user: User; text: UsersText }) {
  if (user.has_password) return <State mood="good">{text.active}</State>;
  const isOpen = user.invited_until !== null && new Date(user.invited_until) > new Date();
  return isOpen ? <State mood="busy">{text.invited}</State> : <State mood="warning">{text.expired}</State>;
}
