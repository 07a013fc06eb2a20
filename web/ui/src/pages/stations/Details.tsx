import { Collapse, UnstyledButton } from "@mantine/core";
import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";

import { useText } from "./text";

/** What is only looked at sometimes: it opens in its place. */
export function Details({ children }: { children: ReactNode }) {
  const text = useText();
  const [isOpen, setOpen] = useState(false);
  const Sign = isOpen ? IconChevronDown : IconChevronRight;
  return (
    <>
      <UnstyledButton fz="sm" c="var(--vg-accent)" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <Sign size={14} aria-hidden style={{ verticalAlign: "middle" }} /> {text.details}
      </UnstyledButton>
      <Collapse expanded={isOpen}>{isOpen && children}</Collapse>
    </>
  );
}
