import { Button, Group, Text, VisuallyHidden } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconPlugConnected, IconPlugConnectedX } from "@tabler/icons-react";
import { useEffect } from "react";

import { useFormat } from "../lib/format";
import { live, useLiveState } from "../live/live";
import classes from "./Shell.module.css";
import { useAppText } from "./text";

/** Says in the head of the page whether it is live. */
export function LiveSign() {
  const text = useAppText();
  const state = useLiveState();
  if (state.status === "off") return null;
  const isLive = state.status === "live";
  const Sign = isLive ? IconPlugConnected : IconPlugConnectedX;
  return (
    <Group gap={6} wrap="nowrap" data-live={state.status}>
      <Sign size={18} stroke={1.6} color={isLive ? "var(--vg-good)" : "var(--vg-warning)"} aria-hidden />
      <Text size="xs" visibleFrom="sm">
        {isLive ? text.live : text.connecting}
      </Text>
      <VisuallyHidden hiddenFrom="sm">{isLive ? text.live : text.connecting}</VisuallyHidden>
    </Group>
  );
}

/** Says above the page since when nothing was heard; and once it is heard again, of which time nothing is known. */
export function LiveNotice() {
  const text = useAppText();
  const format = useFormat();
  const state = useLiveState();
  useEffect(
    () =>
      live.onRegained((since, until) => {
        notifications.show({
          title: text.regained,
          message: text.missed(format.time(since), format.time(until)),
          color: "green",
          autoClose: 10_000,
        });
      }),
    [text, format],
  );
  if (state.status !== "blind") return null;
  return (
    <div className={classes.notice} role="status">
      <Text size="sm">{live.hasBeenLive ? text.blind(format.time(state.since)) : text.neverLive}</Text>
      {state.retryAt !== null && (
        <Button size="compact-sm" variant="default" onClick={live.retry}>
          {text.retry}
        </Button>
      )}
    </div>
  );
}
