import { expect, test, vi } from "vitest";

import { isFirst, once } from "./clicks";

test("the second click of a double click does nothing; keys and single clicks do", () => {
  expect([0, 1, 2, 3].map((detail) => isFirst({ detail }))).toEqual([true, true, false, false]);
  const preventDefault = vi.fn();
  for (const detail of [0, 1, 2]) once({ detail, preventDefault } as never);
  expect(preventDefault).toHaveBeenCalledOnce();
});
