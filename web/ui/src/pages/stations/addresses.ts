import { address, stationAddress } from "../../lib/location";

/** Return the address at which a station can be told something. */
export function commandAddress(identity: string, command: string): string {
  return address(`${stationAddress(identity)}/commands`, { command });
}
