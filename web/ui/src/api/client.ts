import createClient, { type Middleware } from "openapi-fetch";

import { problemOf, Unreachable } from "./problem";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

/** Where the page stands, without a slash at its end: everything that it asks for is below. */
export const base = new URL(".", document.baseURI).href.replace(/\/$/, "");

const SAFE = ["GET", "HEAD", "OPTIONS"];

/** What shows the gateway that a request is of this page (`csrf` of /me). */
let csrf: string | null = null;

export function setCsrf(value: string | null): void {
  csrf = value;
}

export function getCsrf(): string | null {
  return csrf;
}

/** Called when an answer says that nobody is signed in any more. */
let onSignedOut = (): void => undefined;

export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener;
}

const manners: Middleware = {
  onRequest({ request }) {
    if (csrf !== null && !SAFE.includes(request.method)) request.headers.set("X-CSRF-Token", csrf);
    return request;
  },
  async onResponse({ request, response }) {
    if (response.ok) return;
    const problem = await problemOf(response);
    if (problem.status === 401 && !request.url.endsWith("/sign-in")) onSignedOut();
    throw problem;
  },
  onError({ error }) {
    if (error instanceof DOMException && error.name === "AbortError") return error;
    return new Unreachable(error);
  },
};

/**
 * The API, typed by its OpenAPI document. What is not answered by a result raises Problem or Unreachable:
 * `const stations = await result(api.GET("/api/v1/stations", { params: { query: { limit: 10 } } }))`.
 */
export const api = createClient<paths, "application/json">({
  baseUrl: base,
  fetch: (request) => fetch(request),
});
api.use(manners);

/** Return the body of an answer. */
export async function result<T>(answer: Promise<{ data?: T }>): Promise<T> {
  return (await answer).data as T;
}
