import {
  AppShell,
  Box,
  Burger,
  Center,
  Container,
  Group,
  Loader,
  NavLink,
  ScrollArea,
  Text,
} from "@mantine/core";
import { useDisclosure, useHotkeys } from "@mantine/hooks";
import { spotlight } from "@mantine/spotlight";
import { IconCompass, IconLock } from "@tabler/icons-react";
import { Suspense, useEffect } from "react";
import { Link, Redirect, Route, Switch, useLocation } from "wouter";

import { may, maySomewhere, useMe } from "../api/me";
import { Empty } from "../components/Empty";
import { ErrorBoundary } from "../components/ErrorBoundary";
import { useLanguage } from "../lib/i18n";
import { useSegments } from "../lib/location";
import { useLiveManners } from "../live/live";
import { mayOpen, type Page, PAGES } from "../pages/list";
import { Account } from "./Account";
import { LiveNotice, LiveSign } from "./LiveSign";
import { Palette, PaletteButton } from "./Palette";
import classes from "./Shell.module.css";
import { useAppText } from "./text";
import icon from "./icon.svg";

/** What stands around every page: navigation, search, whether it is live, who is signed in. */
export function Shell() {
  const text = useAppText();
  const [isOpen, { toggle, close }] = useDisclosure();
  const [location] = useLocation();
  useLiveManners();
  useEffect(close, [location, close]);
  useHotkeys([["/", search]]);
  return (
    <AppShell
      header={{ height: 52 }}
      navbar={{ width: 216, breakpoint: "sm", collapsed: { mobile: !isOpen } }}
      padding="md"
    >
      <a className={classes.skip} href="#content" onClick={skip}>
        {text.skip}
      </a>
      <AppShell.Header bg="var(--vg-surface)">
        <Group h="100%" px="md" justify="space-between" wrap="nowrap" gap="sm">
          <Group gap="sm" wrap="nowrap">
            <Burger opened={isOpen} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={text.menu} />
            <Link href="/" className={classes.name} aria-label="Voltgate">
              <img src={icon} alt="" width={26} height={26} />
              <Text component="span" fw={680} size="md" visibleFrom="xs">
                Voltgate
              </Text>
            </Link>
          </Group>
          <PaletteButton />
          <Group gap="xs" wrap="nowrap">
            <LiveSign />
            <Account />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar bg="var(--vg-surface)" p="xs" aria-label={text.navigation}>
        <ScrollArea>
          <Navigation />
        </ScrollArea>
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1} className={classes.main}>
        <LiveNotice />
        <ErrorBoundary place={location}>
          <Suspense fallback={<Waiting />}>
            <Switch>
              {PAGES.map((page) => (
                <Route key={page.path} path={page.path === "/" ? "/" : `${page.path}/*?`}>
                  <Guarded page={page} />
                </Route>
              ))}
              <Route>
                <NotFound />
              </Route>
            </Switch>
          </Suspense>
        </ErrorBoundary>
      </AppShell.Main>
      <Palette />
    </AppShell>
  );
}

/** Go to the search of the page that is shown, or to that of everything. */
function search(event: KeyboardEvent): void {
  event.preventDefault();
  const field = document.querySelector<HTMLInputElement>("input[data-search]");
  if (field === null) spotlight.open();
  else field.focus();
}

/** Jump over the navigation; the address is the view's, and stays. */
function skip(event: React.MouseEvent): void {
  event.preventDefault();
  document.getElementById("content")?.focus();
}

function Navigation() {
  const me = useMe();
  const language = useLanguage();
  const [location] = useLocation();
  const groups = ["watch", "charge", "run"] as const;
  return groups.map((group) => (
    <Box key={group} className={classes.group}>
      {PAGES.filter((page) => page.group === group && mayOpen(me, page)).map((page) => {
        const isHere = page.path === "/" ? location === "/" : `${location}/`.startsWith(`${page.path}/`);
        return (
          <NavLink
            key={page.path}
            component={Link}
            href={page.path}
            label={page.title[language]}
            leftSection={<page.icon size={18} stroke={1.6} aria-hidden />}
            active={isHere}
            aria-current={isHere ? "page" : undefined}
            className={classes.link}
          />
        );
      })}
    </Box>
  ));
}

function Guarded({ page }: { page: Page }) {
  const me = useMe();
  const text = useAppText();
  const isBehind = useSegments().length > 1;
  if (page.path === "/" && !may(me, "viewer") && maySomewhere(me, "viewer"))
    return <Redirect to="/networks" />;
  if (page.role !== undefined && !mayOpen(me, page, isBehind)) {
    return (
      <Empty icon={IconLock} title={text.notForYou}>
        {text.notForYouHelp(text.role[page.role])}
      </Empty>
    );
  }
  return <page.component />;
}

function NotFound() {
  const text = useAppText();
  return (
    <Container>
      <Empty icon={IconCompass} title={text.notFound}>
        {text.notFoundHelp} <Link href="/">{text.toOverview}</Link>
      </Empty>
    </Container>
  );
}

function Waiting() {
  const text = useAppText();
  return (
    <Center h={240}>
      <Loader aria-label={text.loading} />
    </Center>
  );
}
