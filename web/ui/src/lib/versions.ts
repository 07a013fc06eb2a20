/** The versions of OCPP that stations speak, as the API spells them. */
export const VERSIONS = ["ocpp1.2", "ocpp1.5", "ocpp1.6", "ocpp2.0", "ocpp2.0.1", "ocpp2.1"] as const;

export type Version = (typeof VERSIONS)[number];

/** Return the version that a text names; undefined: none of them. */
export function versionOf(text: string | null | undefined): Version | undefined {
  return VERSIONS.find((version) => version === text);
}

/** "OCPP 1.6" */
export function versionName(version: string): string {
  return version.replace(/^ocpp/, "OCPP ");
}
