import { expect, test } from "vitest";

import { changesOf } from "./changes";

test("what was not changed is not sent", () => {
  const token = { holder: "Ada", status: "Accepted", expires: null as string | null };
  expect(changesOf(token, { ...token, holder: "Ada L." })).toEqual({ holder: "Ada L." });
  expect(changesOf(token, { ...token, expires: "2027-01-01T00:00:00Z" })).toEqual({
    expires: "2027-01-01T00:00:00Z",
  });
  expect(changesOf(token, { ...token })).toEqual({});
});

test("members that are objects are told apart by what they hold", () => {
  const user = { roles: { "*": "viewer" } };
  expect(changesOf(user, { roles: { "*": "viewer" } })).toEqual({});
  expect(changesOf(user, { roles: { "*": "admin" } })).toEqual({ roles: { "*": "admin" } });
});
