// Questions to Prometheus by the viewer's server; every failure has a sentence that a person can use.

export class QueryError extends Error {
  readonly kind: string;

  constructor(kind: string, message: string) {
    super(message);
    this.name = "QueryError";
    this.kind = kind;
  }
}

/** Something answers, but not as Prometheus does. */
export const garbage = (): QueryError => new QueryError("garbage", sentences.garbage as string);

/** How long the page itself waits; the server's own deadline is shorter and says more. */
const patienceMs = 40_000;

/** Who asks: until when, and how Prometheus' API is reached. */
export interface Asker {
  readonly signal: AbortSignal;
  readonly fetch: (path: string, init?: RequestInit) => Promise<Response>;
}

interface Answer {
  readonly status?: unknown;
  readonly data?: unknown;
  readonly error?: unknown;
  readonly errorType?: unknown;
}

const sentences: Readonly<Record<string, string>> = {
  away: "The viewer itself does not answer.",
  unreachable: "Prometheus cannot be reached.",
  timeout: "Prometheus takes too long to answer. A shorter time range may help.",
  garbage: "What answers at Prometheus' address is not Prometheus.",
  too_large: "The answer is too large. Choose a shorter time range.",
  busy: "Too many queries at once; the next refresh tries again.",
};

/** One question to Prometheus' HTTP API; throws a QueryError that says why there is no answer. */
export async function ask(asker: Asker, path: string, parameters: Readonly<Record<string, string>>): Promise<unknown> {
  const answer = await fetchAnswer(asker, path, new URLSearchParams(parameters));
  if (answer.status === "success") return answer.data;
  const kind = typeof answer.errorType === "string" ? answer.errorType : "garbage";
  throw new QueryError(
    kind,
    sentences[kind] ?? `Prometheus refuses the query: ${String(answer.error ?? "no reason given")}`,
  );
}

async function fetchAnswer({ fetch, signal: asked }: Asker, path: string, body: URLSearchParams): Promise<Answer> {
  const signal = AbortSignal.any([asked, AbortSignal.timeout(patienceMs)]);
  try {
    // Prometheus does not take a POST for these.
    const response = /^\/api\/v1\/(?:label|rules)\b/.test(path)
      ? await fetch(`${path}?${body}`, { signal })
      : await fetch(path, { method: "POST", body, signal });
    const answer: unknown = await response.json();
    if (typeof answer !== "object" || answer === null) throw new SyntaxError();
    return answer;
  } catch (error) {
    if (asked.aborted) throw error;
    if (error instanceof SyntaxError) throw garbage();
    if (error instanceof Error && error.name === "TimeoutError")
      throw new QueryError("timeout", sentences.timeout as string);
    throw new QueryError("away", sentences.away as string);
  }
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value?: readonly [number, string];
  readonly values?: readonly (readonly [number, string])[];
}

/** The samples of a result; throws when it is none. */
export function samplesOf(data: unknown): readonly Sample[] {
  const { resultType, result } = (data ?? {}) as { resultType?: unknown; result?: unknown };
  if (resultType === "scalar" && Array.isArray(result))
    return [{ metric: {}, value: result as unknown as [number, string] }];
  if ((resultType !== "vector" && resultType !== "matrix") || !Array.isArray(result)) throw garbage();
  return result as readonly Sample[];
}
