import { expect, test } from "vitest";

import { answerOf, conditionsOf } from "./rules";

test("what was left out, and what matches everything, is no condition", () => {
  expect(conditionsOf({ answer: "a" })).toEqual([]);
  expect(conditionsOf({ answer: "a", actions: ["*"], stations: "*" })).toEqual([]);
  expect(conditionsOf({ answer: "a", stations: "CP-*", connectors: [1, 2] })).toEqual([
    { key: "stations", values: ["CP-*"] },
    { key: "connectors", values: ["1", "2"] },
  ]);
  expect(conditionsOf({ answer: "a", tokens: "none" })).toEqual([{ key: "tokens", values: ["none"] }]);
});

test("who answers is one, several in order, or a share of the stations each", () => {
  expect(answerOf({ answer: "a" })).toEqual({ names: ["a"], shares: null });
  expect(answerOf({ answer: ["a", "b"] })).toEqual({ names: ["a", "b"], shares: null });
  expect(answerOf({ answer: { a: 3, b: 1 } })).toEqual({ names: ["a", "b"], shares: [75, 25] });
});
