import { Alert, Button, Center, Paper, Stack, Text, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type SubmitEvent, useEffect } from "react";
import { Link } from "wouter";

import { api } from "../../api/client";
import { Problem } from "../../api/problem";
import { Failure } from "../../components/Failure";
import { saidIn } from "../../lib/form";
import { useSegments } from "../../lib/location";
import { NewPassword } from "./NewPassword";
import { useText } from "./text";

/** `/invitation/TOKEN`: somebody who was invited chooses a password; nobody need be signed in. */
export default function Invitation() {
  const text = useText();
  const [, invitation = ""] = useSegments();
  useEffect(() => {
    document.title = `${text.choose} · Voltgate`;
  }, [text]);
  const choose = useMutation({
    mutationFn: (password: string) => api.POST("/api/v1/password", { body: { invitation, password } }),
  });
  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    choose.mutate(saidIn(event.currentTarget)("new"));
  }
  return (
    <Center component="main" mih="100dvh" p="md">
      <Paper w="100%" maw={400} p="xl" withBorder shadow="sm" bg="var(--vg-surface)">
        <Stack>
          <div>
            <Title order={1} size="h3">
              {text.choose}
            </Title>
            <Text size="sm" c="dimmed">
              {text.chooseHelp} {window.location.host}
            </Text>
          </div>
          {choose.isSuccess ? (
            <>
              <Text role="status">{text.chosen}</Text>
              <Button component={Link} href="/">
                {text.toSignIn}
              </Button>
            </>
          ) : (
            <form onSubmit={submit}>
              <Stack>
                <NewPassword isFirst />
                {choose.error && <Refused error={choose.error} />}
                <Button type="submit" loading={choose.isPending}>
                  {text.save}
                </Button>
              </Stack>
            </form>
          )}
        </Stack>
      </Paper>
    </Center>
  );
}

function Refused({ error }: { error: Error }) {
  const text = useText();
  if (!(error instanceof Problem && error.status === 404)) return <Failure error={error} />;
  return (
    <Alert color="red" variant="outline" role="alert" bg="var(--vg-surface)">
      {text.spent}
    </Alert>
  );
}
