import {
  type Icon,
  IconArrowsSplit,
  IconBell,
  IconCalendarTime,
  IconChargingPile,
  IconCoins,
  IconDoorEnter,
  IconFlag,
  IconId,
  IconInfoCircle,
  IconLayoutDashboard,
  IconListCheck,
  IconListDetails,
  IconMessages,
  IconReceipt,
  IconServer2,
  IconSitemap,
  IconUserCircle,
  IconUsers,
} from "@tabler/icons-react";
import { type ComponentType, lazy, type LazyExoticComponent } from "react";

import { may, maySomewhere, type Me, type Role } from "../api/me";
import type { Language } from "../lib/i18n";

/** A page: its first part of the path, and who may see it. */
export interface Page {
  /** `/stations`; what comes behind it is the page's own (`useSegments`). */
  path: string;
  icon: Icon;
  title: Record<Language, string>;
  /** The least role in everything; undefined: whoever is signed in. */
  role?: Role;
  /** What of it those see who have the role in single networks only: the whole page, or just what is behind its path. */
  inNetworks?: "whole" | "behind";
  /** Where it stands in the navigation. */
  group: "watch" | "charge" | "run";
  component: LazyExoticComponent<ComponentType>;
}

export const PAGES: readonly Page[] = [
  {
    path: "/",
    icon: IconLayoutDashboard,
    title: { en: "Overview", de: "Übersicht" },
    role: "viewer",
    group: "watch",
    component: lazy(() => import("./overview")),
  },
  {
    path: "/stations",
    icon: IconChargingPile,
    title: { en: "Stations", de: "Stationen" },
    role: "viewer",
    inNetworks: "behind",
    group: "watch",
    component: lazy(() => import("./stations")),
  },
  {
    path: "/waiting",
    icon: IconDoorEnter,
    title: { en: "Waiting room", de: "Warteraum" },
    role: "viewer",
    group: "watch",
    component: lazy(() => import("./waiting")),
  },
  {
    path: "/messages",
    icon: IconMessages,
    title: { en: "Messages", de: "Nachrichten" },
    role: "operator",
    group: "watch",
    component: lazy(() => import("./messages")),
  },
  {
    path: "/claims",
    icon: IconFlag,
    title: { en: "Claims", de: "Ansprüche" },
    role: "viewer",
    group: "watch",
    component: lazy(() => import("./claims")),
  },
  {
    path: "/backends",
    icon: IconServer2,
    title: { en: "Backends", de: "Backends" },
    role: "viewer",
    group: "watch",
    component: lazy(() => import("./backends")),
  },
  {
    path: "/routes",
    icon: IconArrowsSplit,
    title: { en: "Routes", de: "Routen" },
    role: "viewer",
    group: "run",
    component: lazy(() => import("./routes")),
  },
  {
    path: "/alerts",
    icon: IconBell,
    title: { en: "Alerts", de: "Meldungen" },
    role: "viewer",
    group: "watch",
    component: lazy(() => import("./alerts")),
  },
  {
    path: "/transactions",
    icon: IconReceipt,
    title: { en: "Transactions", de: "Transaktionen" },
    role: "viewer",
    inNetworks: "whole",
    group: "charge",
    component: lazy(() => import("./transactions")),
  },
  {
    path: "/reservations",
    icon: IconCalendarTime,
    title: { en: "Reservations", de: "Reservierungen" },
    role: "viewer",
    inNetworks: "whole",
    group: "charge",
    component: lazy(() => import("./reservations")),
  },
  {
    path: "/id-tokens",
    icon: IconId,
    title: { en: "Id tokens", de: "ID-Tokens" },
    role: "viewer",
    inNetworks: "whole",
    group: "charge",
    component: lazy(() => import("./tokens")),
  },
  {
    path: "/networks",
    icon: IconSitemap,
    title: { en: "Networks", de: "Netze" },
    role: "viewer",
    inNetworks: "whole",
    group: "charge",
    component: lazy(() => import("./networks")),
  },
  {
    path: "/tariffs",
    icon: IconCoins,
    title: { en: "Tariffs", de: "Tarife" },
    role: "viewer",
    group: "charge",
    component: lazy(() => import("./tariffs")),
  },
  {
    path: "/jobs",
    icon: IconListCheck,
    title: { en: "Jobs", de: "Aufträge" },
    role: "viewer",
    inNetworks: "whole",
    group: "charge",
    component: lazy(() => import("./jobs")),
  },
  {
    path: "/nodes",
    icon: IconServer2,
    title: { en: "Nodes", de: "Knoten" },
    role: "viewer",
    group: "run",
    component: lazy(() => import("./nodes")),
  },
  {
    path: "/audit",
    icon: IconListDetails,
    title: { en: "Audit", de: "Protokoll" },
    role: "viewer",
    group: "run",
    component: lazy(() => import("./audit")),
  },
  {
    path: "/users",
    icon: IconUsers,
    title: { en: "Users and tokens", de: "Benutzer, Tokens" },
    role: "admin",
    group: "run",
    component: lazy(() => import("./users")),
  },
  {
    path: "/account",
    icon: IconUserCircle,
    title: { en: "My account", de: "Mein Konto" },
    group: "run",
    component: lazy(() => import("./account")),
  },
  {
    path: "/about",
    icon: IconInfoCircle,
    title: { en: "About", de: "Über" },
    group: "run",
    component: lazy(() => import("./about")),
  },
];

/** Return whether somebody may open a page, or (`isBehind`) what is behind its path. */
export function mayOpen(me: Me, page: Page, isBehind = false): boolean {
  if (page.role === undefined || may(me, page.role)) return true;
  return (
    (page.inNetworks === "whole" || (isBehind && page.inNetworks === "behind")) && maySomewhere(me, page.role)
  );
}
