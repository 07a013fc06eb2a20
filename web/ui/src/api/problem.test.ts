import { expect, test } from "vitest";

import { isWorthRetrying, problemOf, Unreachable } from "./problem";

test("a problem document is what the gateway says", async () => {
  const body = { type: "about:blank", title: "Conflict", status: 409, detail: "It charges.", instance: "/x" };
  const headers = { "Content-Type": "application/problem+json", "Retry-After": "5" };
  const problem = await problemOf(new Response(JSON.stringify(body), { status: 409, headers }));
  expect([problem.message, problem.status, problem.retryAfter, problem.errors]).toEqual([
    "It charges.",
    409,
    5,
    [],
  ]);
});

test("a page of a proxy is no problem document, and is one all the same", async () => {
  const problem = await problemOf(
    new Response("<h1>Bad Gateway</h1>", { status: 502, statusText: "Bad Gateway" }),
  );
  expect([problem.message, problem.status, problem.retryAfter]).toEqual(["Bad Gateway", 502, null]);
  const down = Response.json({ status: "down" }, { status: 503 });
  expect((await problemOf(down)).status).toBe(503);
  const headers = { "Content-Type": "application/problem+json" };
  expect((await problemOf(new Response("{", { status: 500, headers }))).status).toBe(500);
});

test("what the gateway refuses is not asked again, what did not get there is, twice", async () => {
  const [refused, failed] = await Promise.all(
    [409, 502].map((status) => problemOf(new Response("", { status }))),
  );
  expect([refused, failed, new Unreachable(null)].map((error) => error && isWorthRetrying(1, error))).toEqual(
    [false, true, true],
  );
  expect(isWorthRetrying(2, new Unreachable(null))).toBe(false);
});
