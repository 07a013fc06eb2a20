import { address, stationAddress } from "../../lib/location";

/** Return the address at which a station can be told something, with what is filled in there. */
export function commandAddress(
  identity: string,
  command: string,
  fields: Record<string, string> = {},
): string {
  return address(`${stationAddress(identity)}/commands`, { command, ...fields });
}
