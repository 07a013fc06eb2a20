import { expect, test, vi } from "vitest";

vi.hoisted(() => vi.stubGlobal("document", { baseURI: "http://gateway/" }));

import type { Me } from "./me";
import { choicesOf, type Network, networkOf } from "./networks";

const member: Me = {
  name: "user:ada",
  role: "member",
  networks: { south: "viewer", north: "operator" },
  backends: [],
  login: "ada",
  csrf: null,
};
const networks = [
  { id: "north", name: "The north" },
  { id: "south", name: "south" },
  { id: "west", name: "West" },
] as Network[];

test("a field offers the networks in which somebody has the role", () => {
  expect(choicesOf(networks, member, "viewer")).toEqual([
    { value: "north", label: "The north (north)" },
    { value: "south", label: "south" },
  ]);
  expect(choicesOf(networks, member, "operator").map(({ value }) => value)).toEqual(["north"]);
  expect(choicesOf(networks, { ...member, role: "viewer" }, "viewer")).toHaveLength(3);
});

test("who sees single networks only is shown the first of them until another is chosen", () => {
  expect(networkOf(member, undefined)).toBe("north");
  expect(networkOf(member, "south")).toBe("south");
  expect(networkOf({ ...member, role: "viewer" }, undefined)).toBeUndefined();
});
