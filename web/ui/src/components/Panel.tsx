import { Box, Group, Paper, Title } from "@mantine/core";
import { type ReactNode, useId } from "react";

/** A part of a page with a title of its own. */
export function Panel({
  title,
  side,
  padded = true,
  children,
}: {
  title: ReactNode;
  side?: ReactNode;
  padded?: boolean;
  children: ReactNode;
}) {
  const id = useId();
  return (
    <Paper
      component="section"
      aria-labelledby={id}
      bg="var(--vg-surface)"
      withBorder
      style={{ overflow: "hidden" }}
    >
      <Group justify="space-between" px="md" py="sm" style={{ borderBottom: "1px solid var(--vg-border)" }}>
        <Title order={2} size="h5" id={id}>
          {title}
        </Title>
        {side}
      </Group>
      <Box p={padded ? "md" : 0}>{children}</Box>
    </Paper>
  );
}
