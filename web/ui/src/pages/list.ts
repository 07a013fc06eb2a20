import {
  type Icon,
  IconArrowsSplit,
  IconChargingPile,
  IconInfoCircle,
  IconLayoutDashboard,
  IconListDetails,
  IconServer2,
  IconUserCircle,
  IconUsers,
} from "@tabler/icons-react";
import { type ComponentType, lazy, type LazyExoticComponent } from "react";

import type { Role } from "../api/me";
import type { Language } from "../lib/i18n";

/** A page: its first part of the path, and who may see it. */
export interface Page {
  /** `/stations`; what comes behind it is the page's own (`useSegments`). */
  path: string;
  icon: Icon;
  title: Record<Language, string>;
  /** The least role in everything; undefined: whoever is signed in. */
  role?: Role;
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
    group: "watch",
    component: lazy(() => import("./stations")),
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
    title: { en: "Users and tokens", de: "Benutzer und Tokens" },
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

/** Return whether an address leads to a page that there is. */
export function isPage(href: string): boolean {
  const [path = ""] = href.split("?");
  return PAGES.some((page) => page.path === `/${path.split("/")[1] ?? ""}`);
}
