import { afterEach, beforeEach, expect, test, vi } from "vitest";

vi.hoisted(() => vi.stubGlobal("document", { baseURI: "http://gateway/voltgate/" }));

import { api, result, setCsrf, whenSignedOut } from "./client";
import { Problem, Unreachable } from "./problem";

const signedOut = vi.fn();
const answer = vi.fn<(request: Request) => Promise<Response>>();
const unauthorized = () => Promise.resolve(new Response(null, { status: 401 }));

beforeEach(() => {
  vi.stubGlobal("fetch", answer);
  answer.mockReset().mockImplementation(() => Promise.resolve(Response.json({ name: "ada" })));
  signedOut.mockReset();
  whenSignedOut(signedOut);
});

afterEach(() => setCsrf(null));

test("what is asked is below the page, and only what changes something shows that it is of the page", async () => {
  setCsrf("c");
  expect(await result(api.GET("/api/v1/me"))).toEqual({ name: "ada" });
  await api.POST("/api/v1/sign-out");
  expect(answer.mock.calls.map(([{ url, headers }]) => [url, headers.get("X-CSRF-Token")])).toEqual([
    ["http://gateway/voltgate/api/v1/me", null],
    ["http://gateway/voltgate/api/v1/sign-out", "c"],
  ]);
});

test("who is refused as nobody is signed out, but not for a password that is wrong", async () => {
  answer.mockImplementation(unauthorized);
  const said = { password: "a", new: "b" };
  await expect(api.PUT("/api/v1/me/password", { body: said })).rejects.toThrow(Problem);
  await expect(api.POST("/api/v1/sign-in", { body: { token: "t" } })).rejects.toThrow(Problem);
  expect(signedOut).not.toHaveBeenCalled();
  await expect(api.GET("/api/v1/me")).rejects.toThrow(Problem);
  expect(signedOut).toHaveBeenCalledOnce();
});

test("no answer is another thing than one that nobody waits for any more", async () => {
  answer.mockRejectedValueOnce(new TypeError("Failed to fetch"));
  await expect(api.GET("/api/v1/me")).rejects.toThrow(Unreachable);
  answer.mockRejectedValueOnce(new DOMException("left", "AbortError"));
  await expect(api.GET("/api/v1/me")).rejects.toThrow("left");
});
