import { Button, Group } from "@mantine/core";
import { Link } from "wouter";

/** The parts of a page that has several, each with an address of its own. */
export function Sections({
  label,
  sections,
  current,
}: {
  label: string;
  sections: readonly (readonly [href: string, title: string])[];
  current: string;
}) {
  return (
    <Group component="nav" aria-label={label} gap={4} mb="md">
      {sections.map(([href, title]) => (
        <Button
          key={href}
          component={Link}
          href={href}
          size="compact-md"
          fw={href === current ? 600 : 450}
          variant={href === current ? "default" : "subtle"}
          c={href === current ? "var(--vg-accent)" : "var(--mantine-color-text)"}
          aria-current={href === current ? "page" : undefined}
        >
          {title}
        </Button>
      ))}
    </Group>
  );
}
