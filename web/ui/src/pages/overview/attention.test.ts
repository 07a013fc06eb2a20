import { describe, expect, test } from "vitest";

import { Format } from "../../lib/format";
import { attentionOf, type Overview } from "./attention";
import { noted } from "./history";
import { english } from "./text";

const calm: Overview = {
  at: "2026-11-22T08:00:00.000Z",
  stations: { known: 10, connected: 9, waiting: 0 },
  calls: { per_second: 20, errors_per_second: 0.1, p50_ms: 2, p95_ms: 9, open: 0, waiting: 0 },
  backends: { up: 2, down: 0, idle: 0, down_names: [] },
  owed: { messages: 3, oldest_seconds: 2 },
  database: "up",
  refused: 4,
  alerts: 0,
};
const said = (now: Partial<Overview>) => attentionOf({ ...calm, ...now }, english, new Format("en"));

describe("what needs attention", () => {
  test("is nothing while all is well", () => expect(said({})).toEqual([]));

  test("is a backend that is down, with its page behind it; of several, their list", () => {
    expect(said({ backends: { up: 1, down: 1, idle: 0, down_names: ["a b"] } })).toEqual([
      { mood: "bad", text: "Backends are down: a b", href: "/backends/a%20b" },
    ]);
    expect(said({ backends: { up: 1, down: 2, idle: 0, down_names: ["a", "b"] } })).toEqual([
      { mood: "bad", text: "Backends are down: a, b", href: "/backends" },
    ]);
  });

  test("is what is worst first", () => {
    const found = said({
      database: "away",
      owed: null,
      missing: ["n2"],
      alerts: 1,
      stations: { known: 10, connected: 9, waiting: 2 },
      calls: { ...calm.calls, errors_per_second: 5 },
    });
    expect(found.map((one) => one.href)).toEqual([
      "/about",
      "/about",
      "/messages?outcome=error",
      "/alerts",
      "/waiting",
    ]);
    expect(found.map((one) => one.mood)).toEqual(["bad", "bad", "warning", "warning", "warning"]);
  });

  test("is what is owed, once it is owed for long", () => {
    expect(said({ owed: { messages: 1, oldest_seconds: 600 } }).map((one) => one.text)).toEqual([
      "1 message is owed to backends, the oldest for 10 min",
    ]);
  });
});

test("the history forgets what is old, and what is of the future of a clock that was set back", () => {
  const at = Date.parse(calm.at) / 1000;
  const before = [
    [at - 700, 1, 0],
    [at - 1, 2, 0],
    [at + 5, 3, 0],
  ] as const;
  expect(noted(before, calm)).toEqual([
    [at - 1, 2, 0],
    [at, 20, 0.1],
  ]);
});
