import { isOfStation, type Said } from "./said";

interface Frame {
  type: "send" | "receive";
  /** Seconds since 1970. */
  time: number;
  opcode: 1;
  data: string;
}

const NOTHING = { httpVersion: "HTTP/1.1", cookies: [], headersSize: -1, bodySize: -1 };
const ANSWER = {
  status: 101,
  statusText: "Switching Protocols",
  redirectURL: "",
  content: { size: 0, mimeType: "x-unknown" },
};

/**
 * Return records, which come the newest first, as a HAR: an entry for each connection, with its messages as Chrome writes them.
 * It is what `voltgate log --form har` writes: docs/replay.md.
 */
export function harOf(records: readonly Said[], versions: ReadonlyMap<string, string>): string {
  const connections = new Map<string, Said[]>();
  for (const record of [...records].reverse()) {
    if (record.direction === null || record.leg === null) continue;
    const url = `ws://${encodeURIComponent(record.leg)}/${encodeURIComponent(record.station)}`;
    const known = connections.get(url);
    if (known === undefined) connections.set(url, [record]);
    else known.push(record);
  }
  const entries = [...connections].map(([url, said]) => entryOf(url, said, versions));
  const creator = { name: "voltgate", version: "" };
  return JSON.stringify({ log: { version: "1.2", creator, pages: [], entries } });
}

function entryOf(url: string, said: readonly Said[], versions: ReadonlyMap<string, string>) {
  const [first] = said;
  const version = versions.get(first?.station ?? "");
  const headers = version === undefined ? [] : [{ name: "Sec-WebSocket-Protocol", value: version }];
  return {
    startedDateTime: first?.at ?? "",
    time: 0,
    request: { method: "GET", url, queryString: [], headers, ...NOTHING },
    response: { ...ANSWER, headers, ...NOTHING },
    cache: {},
    timings: { send: 0, wait: 0, receive: 0 },
    _resourceType: "websocket",
    _webSocketMessages: said.flatMap(framesOf).sort((one, other) => one.time - other.time),
  };
}

function framesOf(said: Said): Frame[] {
  const at = Date.parse(said.at) / 1000;
  const isSent = isOfStation(said);
  const frames = [frame(isSent, at, callOf(said))];
  if (said.outcome === "result" || said.outcome === "error") {
    frames.push(frame(!isSent, at + (said.latency_ms ?? 0) / 1000, JSON.stringify(answerOf(said))));
  }
  return frames;
}

function frame(isSent: boolean, time: number, data: string): Frame {
  return { type: isSent ? "send" : "receive", time, opcode: 1, data };
}

function callOf(said: Said): string {
  if (said.action !== null) {
    return JSON.stringify([said.kind === "send" ? 6 : 2, said.message_id ?? "", said.action, said.payload]);
  }
  return typeof said.payload === "string" ? said.payload : JSON.stringify(said.payload ?? null);
}

function answerOf(said: Said): unknown[] {
  const id = said.message_id ?? "";
  if (said.outcome !== "error") return [3, id, said.reply];
  const { code, description, details } = (said.reply ?? {}) as Record<string, unknown>;
  return [4, id, code ?? null, description ?? "", details ?? {}];
}
