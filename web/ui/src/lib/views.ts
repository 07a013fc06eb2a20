import { useSyncExternalStore } from "react";

import { read, write } from "./setting";

/** A name for the filter, order and columns of a page, as they stand in its address. */
export interface View {
  name: string;
  search: string;
}

/** Views by the path of their page. */
type Stored = Readonly<Record<string, readonly View[]>>;

const KEY = "views";
const NONE: readonly View[] = [];
const listeners = new Set<() => void>();
let stored = parsed(read(KEY));

/** Return the views in a text that a browser has kept; what is none is left out. */
export function parsed(text: string | null): Stored {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    if (typeof value !== "object" || value === null) return {};
    return Object.fromEntries(
      Object.entries(value).map(([path, views]) => [path, Array.isArray(views) ? views.filter(isView) : []]),
    );
  } catch {
    return {};
  }
}

function isView(value: unknown): value is View {
  const { name, search } = (value ?? {}) as Partial<View>;
  return typeof name === "string" && typeof search === "string";
}

/** Return views with one more, in the place of the one that has its name. */
export function saved(views: readonly View[], view: View): View[] {
  return [...removed(views, view.name), view].sort((a, b) => a.name.localeCompare(b.name));
}

/** Return views of which one has another name; one that had it before is gone. */
export function renamed(views: readonly View[], from: string, to: string): View[] {
  const view = views.find((each) => each.name === from);
  return view === undefined ? [...views] : saved(removed(views, from), { ...view, name: to });
}

export function removed(views: readonly View[], name: string): View[] {
  return views.filter((view) => view.name !== name);
}

/** Return whether two addresses say the same, in whatever order. */
export function isSame(one: string, other: string): boolean {
  const sorted = (search: string) => {
    const parameters = new URLSearchParams(search);
    parameters.sort();
    return parameters.toString();
  };
  return sorted(one) === sorted(other);
}

/** Return the views of a page, and what changes them: this browser keeps them. */
export function useViews(path: string): [readonly View[], (views: readonly View[]) => void] {
  const all = useSyncExternalStore(subscribe, () => stored);
  return [all[path] ?? NONE, (views) => keep({ ...stored, [path]: views })];
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function keep(views: Stored): void {
  stored = views;
  write(KEY, JSON.stringify(views));
  for (const listener of listeners) listener();
}
