import { Button, Kbd, Text, useMantineColorScheme } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { Spotlight, spotlight, type SpotlightActionData } from "@mantine/spotlight";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { IconChargingPile, IconLanguage, IconLogout, IconSearch } from "@tabler/icons-react";
import { useState } from "react";

import { api, result } from "../api/client";
import { may, useMe } from "../api/me";
import { language, useLanguage } from "../lib/i18n";
import { navigate, stationAddress } from "../lib/location";
import { mayOpen, PAGES } from "../pages/list";
import { LANGUAGES, SCHEMES, useSignOut } from "./Account";
import classes from "./Shell.module.css";
import { useAppText } from "./text";

/** The field in the head of the page that opens the palette. */
export function PaletteButton() {
  const text = useAppText();
  return (
    <Button
      className={classes.search}
      variant="default"
      justify="flex-start"
      leftSection={<IconSearch size={16} aria-hidden />}
      rightSection={
        <Kbd size="xs" visibleFrom="sm" aria-hidden>
          Ctrl K
        </Kbd>
      }
      onClick={spotlight.open}
      aria-keyshortcuts="Control+K /"
    >
      <Text component="span" size="sm" truncate>
        {text.searchShort}…
      </Text>
    </Button>
  );
}

/** The command palette: pages, stations by a part of their name, and what can be done anywhere. */
export function Palette() {
  const text = useAppText();
  const me = useMe();
  const [query, setQuery] = useState("");
  const pages = useActions();
  const stations = useStations(query.trim(), may(me, "viewer"));
  const wanted = query.trim().toLowerCase();
  const actions = pages.map((group) => ({
    ...group,
    actions: group.actions.filter((action) => action.label?.toLowerCase().includes(wanted)),
  }));
  const groups = [...actions, { group: text.stations, actions: stations }];
  return (
    <Spotlight
      actions={groups.filter((group) => group.actions.length > 0)}
      query={query}
      onQueryChange={setQuery}
      filter={(_, all) => all}
      nothingFound={text.nothingFound}
      highlightQuery
      scrollable
      maxHeight={420}
      searchProps={{
        leftSection: <IconSearch size={20} stroke={1.6} aria-hidden />,
        placeholder: text.search,
        "aria-label": text.search,
      }}
      shortcut="mod + K"
    />
  );
}

function useActions(): { group: string; actions: SpotlightActionData[] }[] {
  const text = useAppText();
  const me = useMe();
  const chosen = useLanguage();
  const { setColorScheme } = useMantineColorScheme();
  const signOut = useSignOut();
  return [
    {
      group: text.pages,
      actions: PAGES.filter((page) => mayOpen(me, page)).map((page) => ({
        id: page.path,
        label: page.title[chosen],
        leftSection: <page.icon size={18} stroke={1.6} aria-hidden />,
        onClick: () => navigate(page.path),
      })),
    },
    {
      group: text.actions,
      actions: [
        ...SCHEMES.map(([scheme, Sign]) => ({
          id: scheme,
          label: `${text.scheme}: ${text[scheme]}`,
          leftSection: <Sign size={18} stroke={1.6} aria-hidden />,
          onClick: () => setColorScheme(scheme),
        })),
        ...LANGUAGES.filter(([code]) => code !== chosen).map(([code, name]) => ({
          id: code,
          label: `${text.language}: ${name}`,
          leftSection: <IconLanguage size={18} stroke={1.6} aria-hidden />,
          onClick: () => language.set(code),
        })),
        {
          id: "sign-out",
          label: text.signOut,
          leftSection: <IconLogout size={18} stroke={1.6} aria-hidden />,
          onClick: signOut,
        },
      ],
    },
  ];
}

/** Return the first stations whose identity or name has a text in it. */
function useStations(text: string, isAllowed: boolean): SpotlightActionData[] {
  const [wanted] = useDebouncedValue(text, 150);
  const { data } = useQuery({
    queryKey: ["stations", "palette", wanted],
    queryFn: () => result(api.GET("/api/v1/stations", { params: { query: { q: wanted, limit: 8 } } })),
    enabled: isAllowed && wanted !== "" && text !== "",
    placeholderData: keepPreviousData,
  });
  if (text === "") return [];
  return (data?.items ?? []).map((station) => ({
    id: `station ${station.identity}`,
    label: station.identity,
    description: station.name === station.identity ? undefined : station.name,
    leftSection: <IconChargingPile size={18} stroke={1.6} aria-hidden />,
    onClick: () => navigate(stationAddress(station.identity)),
  }));
}
