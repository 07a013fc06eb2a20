import { useCallback, useMemo, useSyncExternalStore } from "react";

/**
 * The address of a view: `#/stations/CP-1?sort=since`. Everything stands behind the `#`, so that the page works under any
 * path, and its search parameters do too.
 */
function current(): { path: string; search: string } {
  const whole = window.location.hash.replace(/^#\/?/, "/") || "/";
  const [path = "/", search = ""] = whole.split(/\?(.*)/s);
  return { path, search };
}

function subscribe(listener: () => void): () => void {
  window.addEventListener("hashchange", listener);
  return () => window.removeEventListener("hashchange", listener);
}

/** Show another view; with `replace` the one that is left is not come back to. */
export function navigate(to: string, options: { replace?: boolean } = {}): void {
  const before = window.location.href;
  const url = new URL(before);
  url.hash = `#${to}`;
  if (url.href === before) return;
  if (options.replace) window.history.replaceState(window.history.state, "", url.href);
  else window.history.pushState(null, "", url.href);
  window.dispatchEvent(new HashChangeEvent("hashchange", { oldURL: before, newURL: url.href }));
}

const LEFT = "voltgate.left";

/** Keep the address of the view until this tab comes back from another site. */
export function leave(): void {
  sessionStorage.setItem(LEFT, window.location.hash);
}

/** Show the view that was left, where the address says nothing else. */
export function comeBack(): void {
  const left = sessionStorage.getItem(LEFT);
  sessionStorage.removeItem(LEFT);
  if (left && window.location.hash === "") navigate(left.replace(/^#/, ""), { replace: true });
}

/** The location of the page as wouter asks for it. */
export const useHashLocation = Object.assign(
  (): [string, typeof navigate] => [useSyncExternalStore(subscribe, () => current().path), navigate],
  { hrefs: (href: string) => `#${href}` },
);

export function useHashSearch(): string {
  return useSyncExternalStore(subscribe, () => current().search);
}

/** Return the parts of the path, decoded once: an identity may have any sign in it. */
export function useSegments(): string[] {
  const path = useSyncExternalStore(subscribe, () => current().path);
  return useMemo(() => segmentsOf(path), [path]);
}

export function segmentsOf(path: string): string[] {
  return path.split("/").slice(1).map(decoded);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // somebody wrote the address by hand
  }
}

/** Return an address: `address("/stations", { sort: "since", q: "" })` is `/stations?sort=since`. */
export function address(path: string, parameters: Record<string, string | undefined> = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value) search.set(name, value);
  return search.size === 0 ? path : `${path}?${search.toString()}`;
}

/** Return the address of a station's page. */
export function stationAddress(identity: string): string {
  return `/stations/${encodeURIComponent(identity)}`;
}

/** Return the address of a backend's page. */
export function backendAddress(name: string): string {
  return `/backends/${encodeURIComponent(name)}`;
}

/** Return the change that removes parameters. */
export function cleared(names: readonly string[]): Record<string, undefined> {
  return Object.fromEntries(names.map((name) => [name, undefined]));
}

type Parameters = Record<string, string>;

/**
 * Filters, sorting and columns of a view, which stand in its address: it can be shared, and come back to.
 *
 * Returns them and what changes some of them; an empty text or undefined removes one.
 */
export function useParameters(): [Parameters, (changes: Record<string, string | undefined>) => void] {
  const search = useHashSearch();
  const parameters = useMemo(() => Object.fromEntries(new URLSearchParams(search)), [search]);
  const change = useCallback((changes: Record<string, string | undefined>) => {
    const now = current();
    const next: Record<string, string | undefined> = {
      ...Object.fromEntries(new URLSearchParams(now.search)),
      ...changes,
    };
    navigate(address(now.path, next), { replace: true });
  }, []);
  return [parameters, change];
}
