import { expect, test } from "vitest";

import { Format } from "../../lib/format";
import { changesOf, explain } from "./explain";
import { type Heard, type Said, saidOf } from "./said";
import type { useText } from "./text";

const HEARD: Heard = {
  at: "2026-11-22T08:00:00.000Z",
  station: "CP-1",
  leg: "station",
  direction: "from_station",
  action: "StopTransaction",
  message_id: "1",
  payload: { idTag: "~0123456789" },
  outcome: "result",
  reply: {},
  latency_ms: 12.3,
  backend: "main",
};

function record(changes: Partial<Said> = {}): Said {
  return { ...saidOf(HEARD, 0), ...changes };
}

const leg = (changes: Partial<Said> = {}) => record({ direction: "to_backend", leg: "main", ...changes });
const english = { explain: textOf() } as ReturnType<typeof useText>;
const told = (...legs: Said[]) => explain(legs, english, new Format("en", "UTC"));

test("what a rule decided, who was asked with what, who was told, and what the station got", () => {
  expect(
    told(
      record({ decided: "rule", rule: 1, route: "home", changed: "answer: transactionId 7 → 3 (number)" }),
      leg({ changed: "transactionId 3 → 7 (number)", latency_ms: 10 }),
      leg({ leg: "copy", outcome: "unanswered", reply: { description: "It is away." } }),
    ),
  ).toEqual([
    "rule 2 home",
    "asked main changed transactionId 3 → 7 (number) answered 10 ms",
    "told copy unchanged noAnswer It is away",
    "got CP-1 answerOf main 12 ms changed transactionId 7 → 3 (number)",
  ]);
});

test.each([
  ["owner", "owner main"],
  ["authorize", "authorize main"],
  ["nobody", "nobody home"],
  [null, "unknown"],
])("what decided is told: %s", (decided, sentence) => {
  expect(told(record({ decided, route: "home" }))[0]).toBe(sentence);
});

test("a backend's call that was refused never came to the station", () => {
  const said = record({ direction: "from_backend", leg: "main", outcome: "unanswered", reply: null });
  expect(told(said)).toEqual(["neverCame CP-1 main", "gotNone main "]);
});

test("what is no message was not passed on", () => {
  expect(told(record({ kind: "malformed", description: "no JSON." }))).toEqual(["malformed no JSON."]);
});

test("changes of the answer follow those of the call", () => {
  const said = record({ changed: "a 1 → 2 (number); answer: b 1 → 2 (number); c 3 → 4 (gateway)" });
  expect(changesOf(said, false)).toEqual(["a 1 → 2 (number)"]);
  expect(changesOf(said, true)).toEqual(["b 1 → 2 (number)", "c 3 → 4 (gateway)"]);
});

/** Texts that say which they are, and what they were given. */
function textOf(): ReturnType<typeof useText>["explain"] {
  const plain = ["ledger", "standIn", "gateway", "unknown", "thatBackend", "noBackend", "send", "unchanged"];
  const more = ["hasNone", "ownAnswer", "theAnswer", "notInLog"];
  return new Proxy({} as ReturnType<typeof useText>["explain"], {
    get: (_, name: string) =>
      [...plain, ...more].includes(name) ? name : (...given: unknown[]) => [name, ...given].join(" "),
  });
}
