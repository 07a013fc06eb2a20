import { expect, test } from "vitest";

import { peopleOf } from "./roles";

test("of a role here and one everywhere the higher one counts; who has neither is left out", () => {
  const user = (login: string, roles: Record<string, string>) => ({ login, person: "", roles });
  const users = [
    user("ada", { "*": "viewer", north: "operator" }),
    user("bob", { south: "admin" }),
    user("cyd", { "*": "admin", north: "viewer" }),
    user("dan", { north: "operator" }),
  ];
  const found = peopleOf(users, "north").map(({ login, role, isEverywhere }) => [login, role, isEverywhere]);
  expect(found).toEqual([
    ["cyd", "admin", true],
    ["ada", "operator", false],
    ["dan", "operator", false],
  ]);
});
