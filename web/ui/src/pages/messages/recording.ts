import type { Said } from "./said";

const TOKEN = /"~[0-9a-f]{10}"/g;
const SECRET = "***";

/** Return records, which come the newest first, as a file that `voltgate replay` plays: docs/replay.md has its form. */
export function recordingOf(records: readonly Said[], versions: ReadonlyMap<string, string>): string {
  const lines: string[] = [];
  const stations: Record<string, string | null> = {};
  const masked = { tokens: 0, secrets: 0 };
  for (const record of [...records].reverse()) {
    const line = JSON.stringify(record);
    stations[record.station] = versions.get(record.station) ?? null;
    masked.tokens += line.match(TOKEN)?.length ?? 0;
    masked.secrets += line.split(SECRET).length - 1;
    lines.push(line);
  }
  const head = {
    format: "voltgate-messages",
    version: 1,
    stations,
    from: records.at(-1)?.at ?? null,
    until: records[0]?.at ?? null,
    records: records.length,
    masked,
  };
  return [JSON.stringify(head), ...lines].map((line) => `${line}\n`).join("");
}
