import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState, useSyncExternalStore } from "react";

import { base, getCsrf } from "../api/client";
import { type Item, LiveClient, type LiveState, type Topic } from "./client";

let onWithdrawn = (): void => undefined;

/** The live connection of this tab. */
export const live = new LiveClient(
  `${base.replace(/^http/, "ws")}/api/v1/live`,
  () => ({ csrf: getCsrf() }),
  () => onWithdrawn(),
);

/** Keep the connection as the page is: paused in the background, and all lists asked for anew after a loss. */
export function useLiveManners(): void {
  const client = useQueryClient();
  useEffect(() => {
    onWithdrawn = () => void client.invalidateQueries({ queryKey: ["me"] });
    const leave = live.attend(document, window);
    const unwatch = live.onRegained(() => void client.invalidateQueries());
    return () => {
      leave();
      unwatch();
    };
  }, [client]);
}

export function useLiveState(): LiveState {
  return useSyncExternalStore(live.watch, live.getState);
}

/** Be told of a topic while a component is shown; undefined: of nothing. */
export function useTopic(topic: Topic | undefined, listener: (item: Item) => void): void {
  const newest = useRef(listener);
  useEffect(() => {
    newest.current = listener;
  });
  const wanted = topic === undefined ? "" : JSON.stringify(topic);
  useEffect(() => {
    if (wanted === "") return;
    return live.subscribe(JSON.parse(wanted) as Topic, (item) => newest.current(item));
  }, [wanted]);
}

/** Return the last `most` things that a topic told, the newest first; what shows another topic is another component. */
export function useNewest<T>(topic: Topic, kind: Item["kind"], most: number): T[] {
  const [items, setItems] = useState<T[]>([]);
  useTopic(topic, (item) => {
    if (item.kind === kind) setItems((before) => [item.data as T, ...before].slice(0, most));
  });
  return items;
}
