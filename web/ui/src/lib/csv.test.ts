import { expect, test } from "vitest";

import { csv } from "./csv";

test("quotes what needs it, and lets no spreadsheet compute what a station said", () => {
  expect(
    csv([
      ["a", 'say "x"', "1,2"],
      ["=1+1", "-2", "@x"],
    ]),
  ).toBe('\ufeffa,"say ""x""","1,2"\r\n\'=1+1,\'-2,\'@x\r\n');
});
