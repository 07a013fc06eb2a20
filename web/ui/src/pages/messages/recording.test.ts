import { expect, test } from "vitest";

import { harOf } from "./har";
import { recordingOf } from "./recording";
import { type Said, saidOf } from "./said";

const NEWER = record({
  at: "2026-11-22T08:01:00.000Z",
  message_id: "2",
  leg: "main",
  direction: "from_backend",
});
const OLDER = record();

function record(changes: Partial<Said> = {}): Said {
  const heard = {
    at: "2026-11-22T08:00:00.000Z",
    station: "CP/1",
    leg: "station",
    direction: "from_station" as const,
    action: "StopTransaction",
    message_id: "1",
    payload: { idTag: "~0123456789" },
    outcome: "result" as const,
    reply: { secret: "***" },
    latency_ms: 500,
    backend: "main",
  };
  return { ...saidOf(heard, 0), ...changes };
}

test("a file for the replay has the oldest first behind a head that says what is masked", () => {
  const [head, oldest] = recordingOf([NEWER, OLDER], new Map([["CP/1", "ocpp1.6"]]))
    .split("\n")
    .map((line) => (line === "" ? null : (JSON.parse(line) as Record<string, unknown>)));
  expect(head).toEqual({
    format: "voltgate-messages",
    version: 1,
    stations: { "CP/1": "ocpp1.6" },
    from: "2026-11-22T08:00:00.000Z",
    until: "2026-11-22T08:01:00.000Z",
    records: 2,
    masked: { tokens: 2, secrets: 2 },
  });
  expect(oldest?.message_id).toBe("1");
});

test("a HAR has an entry for each connection, with calls and answers in the order of their times", () => {
  const failed = record({
    at: "2026-11-22T08:00:00.100Z",
    message_id: "3",
    outcome: "error",
    reply: { code: "InternalError", description: "no", details: {} },
    latency_ms: 100,
  });
  const { log } = JSON.parse(harOf([NEWER, failed, OLDER], new Map([["CP/1", "ocpp1.6"]]))) as {
    log: { entries: { request: { url: string }; _webSocketMessages: { type: string; data: string }[] }[] };
  };
  expect(log.entries.map((entry) => entry.request.url)).toEqual(["ws://station/CP%2F1", "ws://main/CP%2F1"]);
  expect(log.entries[0]?._webSocketMessages.map((each) => [each.type, each.data])).toEqual([
    ["send", '[2,"1","StopTransaction",{"idTag":"~0123456789"}]'],
    ["send", '[2,"3","StopTransaction",{"idTag":"~0123456789"}]'],
    ["receive", '[4,"3","InternalError","no",{}]'],
    ["receive", '[3,"1",{"secret":"***"}]'],
  ]);
  expect(log.entries[1]?._webSocketMessages[0]?.type).toBe("receive");
});

test("what is no message is written as it came, and has no answer", () => {
  const torn = record({ kind: "malformed", action: null, payload: "[2,", outcome: null, reply: null });
  const { log } = JSON.parse(harOf([torn], new Map())) as {
    log: { entries: { _webSocketMessages: { data: string }[] }[] };
  };
  expect(log.entries[0]?._webSocketMessages.map((each) => each.data)).toEqual(["[2,"]);
});
