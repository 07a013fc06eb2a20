import { Box, Paper, Progress, Text } from "@mantine/core";
import { Link } from "wouter";

import type { Mood } from "../../components/State";
import classes from "./Overview.module.css";

/** A number with its name and what it says; it leads to the list behind it. */
export function Tile({
  name,
  value,
  help,
  href,
  mood,
  share,
}: {
  name: string;
  value: string;
  help: string;
  href?: string;
  mood?: Mood | undefined;
  /** The part of a whole that it is, from 0 to 1. */
  share?: number | undefined;
}) {
  const inside = (
    <>
      <Text size="xs" c="dimmed" fw={550}>
        {name}
      </Text>
      <Text className={`${classes.value ?? ""} tabular`} data-mood={mood}>
        {value}
      </Text>
      <Text size="xs" c="dimmed">
        {help}
      </Text>
      {share !== undefined && (
        <Box mt={8} aria-hidden>
          <Progress value={100 * share} size={4} />
        </Box>
      )}
    </>
  );
  const looks = { p: "md", withBorder: true, bg: "var(--vg-surface)" } as const;
  return href !== undefined ? (
    <Paper {...looks} component={Link} href={href} className={classes.tile}>
      {inside}
    </Paper>
  ) : (
    <Paper {...looks}>{inside}</Paper>
  );
}
