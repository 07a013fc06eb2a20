import { Alert, Button, PasswordInput, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { SubmitEvent } from "react";

import { api } from "../../api/client";
import { useMe } from "../../api/me";
import { Problem } from "../../api/problem";
import { useAppText } from "../../app/text";
import { Facts } from "../../components/Facts";
import { Failure } from "../../components/Failure";
import { PageHead } from "../../components/PageHead";
import { Panel } from "../../components/Panel";
import { saidIn } from "../../lib/form";
import { NewPassword } from "./NewPassword";
import { useText } from "./text";

/** `/account`: who is signed in, and another password for a user. */
export default function Account() {
  const text = useText();
  const app = useAppText();
  const me = useMe();
  const networks = Object.entries(me.networks).map(([network, role]) => text.in(network, app.role[role]));
  return (
    <>
      <PageHead title={text.title} />
      <Stack maw={560}>
        <Panel title={text.who}>
          <Facts
            facts={[
              [text.login, me.login ?? me.name],
              [text.role, app.role[me.role]],
              [text.networks, networks.join(", ")],
            ]}
          />
        </Panel>
        <Panel title={text.password}>
          {me.login === null ? <Text size="sm">{text.noPassword}</Text> : <ChangePassword />}
        </Panel>
      </Stack>
    </>
  );
}

function ChangePassword() {
  const text = useText();
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: (said: { password: string; new: string }) => api.PUT("/api/v1/me/password", { body: said }),
    onSuccess: () => {
      notifications.show({ color: "green", message: text.changed });
      client.setQueryData(["me"], null); // all logins have ended, this one too
    },
  });
  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    const said = saidIn(event.currentTarget);
    change.mutate({ password: said("password"), new: said("new") });
  }
  return (
    <form onSubmit={submit}>
      <Stack>
        <PasswordInput name="password" label={text.now} required autoComplete="current-password" />
        <NewPassword />
        <Text size="sm" c="dimmed">
          {text.changeHelp}
        </Text>
        {change.error && <Refused error={change.error} />}
        <Button type="submit" loading={change.isPending}>
          {text.change}
        </Button>
      </Stack>
    </form>
  );
}

function Refused({ error }: { error: Error }) {
  const text = useText();
  const isWrong = error instanceof Problem && error.status === 401;
  if (!isWrong) return <Failure error={error} />;
  return (
    <Alert color="red" variant="outline" role="alert" bg="var(--vg-surface)">
      {text.wrong}
    </Alert>
  );
}
