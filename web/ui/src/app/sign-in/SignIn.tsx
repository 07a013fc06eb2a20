import {
  Alert,
  Button,
  Center,
  Divider,
  Group,
  Paper,
  PasswordInput,
  SegmentedControl,
  Stack,
  Text,
  TextInput,
  Title,
} from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SubmitEvent, useEffect, useState } from "react";

import { api, result } from "../../api/client";
import { Problem } from "../../api/problem";
import { Failure } from "../../components/Failure";
import { saidIn } from "../../lib/form";
import { leave } from "../../lib/location";
import { read, write } from "../../lib/setting";
import icon from "../icon.svg";
import { useText } from "./text";

type Way = "password" | "token";

/** Says why nobody is signed in, and what to do. */
function Refused({ title, help }: { title: string; help: string }) {
  return (
    <Alert
      color="red"
      variant="outline"
      role="alert"
      title={title}
      styles={{ label: { color: "var(--vg-bad)" } }}
    >
      {help}
    </Alert>
  );
}

/** Asks who is there. The token, or that of the login, is kept in a cookie that no script can read. */
export function SignIn() {
  const text = useText();
  const client = useQueryClient();
  const [way, setWay] = useState<Way>(read("way") === "token" ? "token" : "password");
  const ways = useQuery({ queryKey: ["ways"], queryFn: () => result(api.GET("/api/v1/sign-in")) });
  const provider = ways.data?.provider;
  const signIn = useMutation({
    mutationFn: (body: { token: string } | { login: string; password: string }) =>
      result(api.POST("/api/v1/sign-in", { body })),
    onSuccess: () => {
      write("way", way);
      return client.invalidateQueries({ queryKey: ["me"] });
    },
  });
  useEffect(() => {
    document.title = `${text.title} · Voltgate`;
  }, [text]);
  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    const said = saidIn(event.currentTarget);
    signIn.mutate(
      way === "token"
        ? { token: said("token").trim() }
        : { login: said("login"), password: said("password") },
    );
  }
  return (
    <Center component="main" mih="100dvh" p="md">
      <Paper w="100%" maw={400} p="xl" withBorder shadow="sm" bg="var(--vg-surface)">
        <form onSubmit={submit}>
          <Stack>
            <Group gap="sm" wrap="nowrap">
              <img src={icon} alt="" width={40} height={40} />
              <div>
                <Title order={1} size="h3">
                  {text.title}
                </Title>
                <Text size="sm" c="dimmed">
                  {text.about} {window.location.host}
                </Text>
              </div>
            </Group>
            {provider && (
              <>
                <Button component="a" href={provider.url} fullWidth onClick={leave}>
                  {text.by(provider.label)}
                </Button>
                <Divider label={text.or} />
              </>
            )}
            <SegmentedControl<Way>
              fullWidth
              aria-label={text.title}
              value={way}
              onChange={(chosen) => {
                setWay(chosen);
                signIn.reset();
              }}
              data={[
                { value: "password", label: text.password },
                { value: "token", label: text.token },
              ]}
            />
            {way === "token" ? (
              <PasswordInput
                key="token"
                name="token"
                label={text.token}
                description={text.tokenHelp}
                required
                autoFocus
                autoComplete="off"
              />
            ) : (
              <>
                <TextInput name="login" label={text.login} required autoFocus autoComplete="username" />
                <PasswordInput name="password" label={text.secret} required autoComplete="current-password" />
              </>
            )}
            {signIn.error &&
              (signIn.error instanceof Problem && signIn.error.status === 401 ? (
                <Refused title={text.wrong[way]} help={text.wrongHelp[way]} />
              ) : (
                <Failure error={signIn.error} />
              ))}
            {signIn.isSuccess && <Refused title={text.notKept} help={text.notKeptHelp} />}
            <Button
              type="submit"
              variant={provider ? "default" : "filled"}
              loading={signIn.isPending}
              fullWidth
            >
              {text.submit}
            </Button>
          </Stack>
        </form>
      </Paper>
    </Center>
  );
}
