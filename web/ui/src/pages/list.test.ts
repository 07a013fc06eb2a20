import { expect, test, vi } from "vitest";

vi.hoisted(() => vi.stubGlobal("document", { baseURI: "http://gateway/" }));

import { may, type Me, mayIn, maySomewhere } from "../api/me";
import { mayOpen, PAGES } from "./list";

const person = (role: Me["role"], networks: Me["networks"] = {}): Me => ({
  name: "a",
  role,
  networks,
  backends: [],
  login: null,
  csrf: null,
});
const member = person("member", { north: "operator", south: "viewer" });
const offered = (me: Me, isBehind = false) =>
  PAGES.filter((page) => mayOpen(me, page, isBehind)).map((page) => page.path);

test("a role has those before it, in everything or in single networks", () => {
  expect([may(person("operator"), "viewer"), may(person("operator"), "admin")]).toEqual([true, false]);
  expect(may(member, "viewer")).toBe(false);
  expect([mayIn(member, "north", "operator"), mayIn(member, "south", "operator")]).toEqual([true, false]);
  expect([mayIn(member, "west", "viewer"), mayIn(member, null, "viewer")]).toEqual([false, false]);
  expect(mayIn(person("operator"), "north", "operator")).toBe(true);
  expect([maySomewhere(member, "operator"), maySomewhere(member, "admin")]).toEqual([true, false]);
});

test("nobody is offered a page that would be refused", () => {
  const [admins, operators] = [["/users"], ["/messages"]];
  const all = PAGES.map((page) => page.path);
  expect(offered(person("admin"))).toEqual(all);
  expect(offered(person("operator"))).toEqual(all.filter((path) => !admins.includes(path)));
  expect(offered(person("viewer"))).toEqual(all.filter((path) => ![...admins, ...operators].includes(path)));
  expect(offered(person("backend"), true)).toEqual(["/account", "/about"]);
});

test("who has a role in a network alone is offered the pages that show a part of it, and what is behind others", () => {
  const whole = ["/transactions", "/reservations", "/id-tokens", "/networks", "/jobs", "/account", "/about"];
  expect(offered(member)).toEqual(whole);
  expect(offered(member, true)).toEqual(["/stations", ...whole]);
});
