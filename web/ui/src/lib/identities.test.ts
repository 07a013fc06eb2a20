import { expect, test } from "vitest";

import { identitiesOf } from "./identities";

test("identities are told by lines, and by what tables have between their cells; each counts once", () => {
  expect(identitiesOf(" CP-1\r\nCP-2, CP-3;\n\nCP 4\tCP-1\n")).toEqual(["CP-1", "CP-2", "CP-3", "CP 4"]);
  expect(identitiesOf(" \n ,")).toEqual([]);
});
