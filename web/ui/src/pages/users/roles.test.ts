import { expect, test } from "vitest";

import { rolesOf, rowsOf } from "./roles";

test("roles go into the form and come out of it as they were", () => {
  const roles = { "*": "viewer", north: "operator", south: "admin" } as const;
  const rows = rowsOf(roles);
  expect(rows.everywhere).toBe("viewer");
  expect(rolesOf(rows.everywhere, rows.networks)).toEqual(roles);
});

test("what is empty, and what this page does not know, is left out", () => {
  expect(rolesOf(null, [{ network: " ", role: "viewer" }])).toEqual({});
  expect(rowsOf({ north: "king" })).toEqual({ everywhere: null, networks: [] });
});
