import { ActionIcon, Menu, Text, useMantineColorScheme } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import {
  IconCheck,
  IconDeviceDesktop,
  IconLanguage,
  IconLogout,
  IconMoon,
  IconSun,
  IconUserCircle,
} from "@tabler/icons-react";

import { api, result, setCsrf } from "../api/client";
import { useMe } from "../api/me";
import { Problem } from "../api/problem";
import { useFailureNotice } from "../components/Failure";
import { language, useLanguage } from "../lib/i18n";
import { useAppText } from "./text";

export const LANGUAGES = [
  ["en", "English"],
  ["de", "Deutsch"],
] as const;

export const SCHEMES = [
  ["auto", IconDeviceDesktop],
  ["light", IconSun],
  ["dark", IconMoon],
] as const;

/** Return what ends the sign-in of this browser: it says so where that did not work, since who comes next would be signed in. */
export function useSignOut(): () => void {
  const client = useQueryClient();
  const say = useFailureNotice(useAppText().notSignedOut);
  return () =>
    void result(api.POST("/api/v1/sign-out")).then(
      () => {
        setCsrf(null);
        client.setQueryData(["me"], null);
      },
      (error: unknown) => {
        if (error instanceof Problem && error.status === 401) return; // the sign-in had ended before
        say(error);
      },
    );
}

/** Who is signed in, and what is chosen for this browser. */
export function Account() {
  const me = useMe();
  const text = useAppText();
  const chosen = useLanguage();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const signOut = useSignOut();
  return (
    <Menu position="bottom-end" width={240} keepMounted={false}>
      <Menu.Target>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="lg"
          aria-label={text.account}
          c="var(--mantine-color-text)"
        >
          <IconUserCircle aria-hidden stroke={1.6} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Text px="sm" pt="xs" fw={600} size="sm" truncate>
          {me.login ?? me.name}
        </Text>
        <Text px="sm" pb="xs" size="xs" c="dimmed">
          {text.role[me.role]}
        </Text>
        <Menu.Divider />
        <Menu.Label c="dimmed">{text.scheme}</Menu.Label>
        {SCHEMES.map(([scheme, Sign]) => (
          <Menu.Item
            key={scheme}
            leftSection={<Sign size={16} aria-hidden />}
            rightSection={colorScheme === scheme && <IconCheck size={16} aria-hidden />}
            aria-current={colorScheme === scheme}
            onClick={() => setColorScheme(scheme)}
          >
            {text[scheme]}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Label c="dimmed">{text.language}</Menu.Label>
        {LANGUAGES.map(([code, name]) => (
          <Menu.Item
            key={code}
            lang={code}
            leftSection={<IconLanguage size={16} aria-hidden />}
            rightSection={chosen === code && <IconCheck size={16} aria-hidden />}
            aria-current={chosen === code}
            onClick={() => language.set(code)}
          >
            {name}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} aria-hidden />} onClick={signOut}>
          {text.signOut}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
