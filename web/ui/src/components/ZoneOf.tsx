import { createContext, type ReactNode, useContext } from "react";

import { useNetworks } from "../api/networks";

const Zone = createContext("");

/** Has times be shown as they are at the stations of a network, too, where its time zone is known and another. */
export function ZoneOf({ network, children }: { network: string | undefined; children: ReactNode }) {
  const networks = useNetworks(network !== undefined);
  return <Zone value={networks.find(({ id }) => id === network)?.timezone ?? ""}>{children}</Zone>;
}

/** Return the time zone of the station that is shown: "Europe/Berlin"; "" is not known. */
export function useZone(): string {
  return useContext(Zone);
}
