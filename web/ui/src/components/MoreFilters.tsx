import { Button } from "@mantine/core";
import { IconAdjustmentsHorizontal } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";

import { texts } from "../lib/i18n";
import { useIsNarrow } from "../lib/narrow";

const useText = texts({ filters: "Filters" }, { filters: "Filter" });

/** Filters that a phone has no room for: there a button shows them, and says how many are in use. */
export function MoreFilters({ inUse, children }: { inUse: number; children: ReactNode }) {
  const text = useText();
  const isNarrow = useIsNarrow();
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      {isNarrow && (
        <Button
          variant="default"
          leftSection={<IconAdjustmentsHorizontal size={16} aria-hidden />}
          aria-expanded={isOpen}
          onClick={() => setOpen(!isOpen)}
        >
          {inUse > 0 ? `${text.filters} (${inUse})` : text.filters}
        </Button>
      )}
      {(!isNarrow || isOpen) && children}
    </>
  );
}
