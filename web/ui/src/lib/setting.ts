import { useSyncExternalStore } from "react";

/** A choice of this browser's user, kept in its local storage: one value, and who wants to hear of it. */
export class Setting<T extends string> {
  private readonly listeners = new Set<() => void>();
  private value: T;

  constructor(
    private readonly key: string,
    private readonly choices: readonly T[],
    initial: T,
  ) {
    const stored = read(key);
    this.value = this.choices.find((choice) => choice === stored) ?? initial;
  }

  get = (): T => this.value;

  set = (value: T): void => {
    this.value = value;
    write(this.key, value);
    for (const listener of this.listeners) listener();
  };

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
}

export function useSetting<T extends string>(setting: Setting<T>): T {
  return useSyncExternalStore(setting.subscribe, setting.get);
}

/** Return what was stored under a key; null where nothing was, or where a browser stores nothing for this page. */
export function read(key: string): string | null {
  try {
    return localStorage.getItem(`voltgate.${key}`);
  } catch {
    return null;
  }
}

/** Store a text under a key, where the browser lets us: a choice that it forgets is no reason to fail. */
export function write(key: string, value: string): void {
  try {
    localStorage.setItem(`voltgate.${key}`, value);
  } catch {
    // The choice holds until the page is left.
  }
}
