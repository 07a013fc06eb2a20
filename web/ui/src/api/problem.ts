/** What the gateway answered that is no result: a problem document (RFC 9457). */
interface ProblemDocument {
  type: string;
  title: string;
  status: number;
  detail?: string;
  instance?: string;
  errors?: { where: string; problem: string }[];
}

/** A request that the gateway refused or could not do. */
export class Problem extends Error {
  override name = "Problem";

  constructor(
    readonly document: ProblemDocument,
    /** Seconds after which to try again, if the gateway said so. */
    readonly retryAfter: number | null = null,
  ) {
    super(document.detail ?? document.title);
  }

  get status(): number {
    return this.document.status;
  }

  get errors(): { where: string; problem: string }[] {
    return this.document.errors ?? [];
  }
}

/** A request that no gateway answered: it is stopped, or the network is down. */
export class Unreachable extends Error {
  override name = "Unreachable";

  constructor(cause: unknown) {
    super("No answer came from the gateway.", { cause });
  }
}

/** Return whether to ask once more, after so many failures: what the gateway refuses is refused again. */
export function isWorthRetrying(failures: number, error: Error): boolean {
  return failures < 2 && !(error instanceof Problem && error.status < 500);
}

/** Return the problem of an answer, whatever stands in it: a proxy answers with pages of its own. */
export async function problemOf(response: Response): Promise<Problem> {
  const seconds = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  const retryAfter = Number.isNaN(seconds) ? null : seconds;
  const bare: ProblemDocument = {
    type: "about:blank",
    title: response.statusText || `HTTP ${response.status}`,
    status: response.status,
  };
  if (!(response.headers.get("Content-Type") ?? "").startsWith("application/problem+json")) {
    return new Problem(bare, retryAfter);
  }
  try {
    return new Problem({ ...bare, ...((await response.json()) as Partial<ProblemDocument>) }, retryAfter);
  } catch {
    return new Problem(bare, retryAfter);
  }
}
