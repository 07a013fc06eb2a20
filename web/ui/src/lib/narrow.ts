import { useMediaQuery } from "@mantine/hooks";

/** Return whether the screen is a phone's. */
export function useIsNarrow(): boolean {
  return useMediaQuery("(max-width: 48em)", window.innerWidth <= 768);
}
