import { expect, it } from "vitest";

import { verdictOf } from "./verdict";

it("says what an answer comes to, in the station's own word", () => {
  expect(verdictOf({ status: "Accepted" })).toEqual({ mood: "good", word: "Accepted" });
  expect(verdictOf({ status: "UnlockFailed" })).toEqual({ mood: "bad", word: "UnlockFailed" });
  expect(verdictOf({})).toEqual({ mood: "good", word: "" });
  expect(verdictOf(null)).toEqual({ mood: "good", word: "" });
});

it("is a no where one of several is", () => {
  const parts = [{ attributeStatus: "Accepted" }, { attributeStatus: "UnknownVariable" }];
  expect(verdictOf({ setVariableResult: parts })).toEqual({ mood: "bad", word: "UnknownVariable" });
  expect(verdictOf({ setVariableResult: parts.slice(0, 1) })).toEqual({ mood: "good", word: "Accepted" });
  expect(verdictOf({ configurationKey: [{ key: "a", readonly: true }] })).toEqual({ mood: "good", word: "" });
});
