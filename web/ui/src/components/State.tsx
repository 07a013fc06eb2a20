import {
  type Icon,
  IconAlertTriangleFilled,
  IconCircle,
  IconCircleCheckFilled,
  IconCircleDashed,
  IconCircleXFilled,
} from "@tabler/icons-react";

import classes from "./plain.module.css";

export type Mood = "good" | "warning" | "bad" | "quiet" | "busy";

const SIGNS: Record<Mood, [Icon, string]> = {
  good: [IconCircleCheckFilled, "var(--vg-good)"],
  warning: [IconAlertTriangleFilled, "var(--vg-warning)"],
  bad: [IconCircleXFilled, "var(--vg-bad)"],
  quiet: [IconCircle, "var(--mantine-color-dimmed)"],
  busy: [IconCircleDashed, "var(--vg-accent)"],
};

/** A state in a word, with a sign of its own: it can be told without its colour. */
export function State({ mood, children }: { mood: Mood; children: string }) {
  const [Sign, colour] = SIGNS[mood];
  return (
    <span className={classes.state}>
      <Sign size={14} color={colour} aria-hidden className={classes.sign} />
      <span className={classes.word} data-mood={mood}>
        {children}
      </span>
    </span>
  );
}
