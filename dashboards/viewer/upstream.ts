// What is asked of Prometheus: so many questions at once, each with a deadline and a limit on what comes back.
import type { IncomingMessage } from "node:http";
import { request } from "../../components/http.ts";

export interface UpstreamOptions {
  readonly prometheus: URL;
  /** The header that tells Prometheus who asks. */
  readonly authorization?: string;
  /** From the question to the whole answer, the wait for its turn included. */
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  /** Questions under way at once; Prometheus itself answers 20. The others wait for their turn. */
  readonly maxParallel: number;
  /** More than these are told to come back. */
  readonly maxWaiting: number;
}

export interface Answer {
  /** HTTP's. */
  readonly status: number;
  /** JSON as Prometheus writes it. */
  readonly body: Buffer;
}

/** Asks one question: a path of Prometheus' API with its parameters. Whatever goes wrong becomes an answer that Prometheus itself could have given. */
export type Ask = (path: string, query: URLSearchParams, signal: AbortSignal) => Promise<Answer>;

export function makeUpstream(options: UpstreamOptions): Ask {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (path, query, signal) => {
    const late = refusal(504, "timeout", `Prometheus did not answer within ${Math.round(options.timeoutMs / 1_000)} s`);
    if (waiting.length >= options.maxWaiting) return refusal(503, "busy", "too many queries at once");
    const stop = new AbortController();
    const leave = (): void => stop.abort();
    const deadline = setTimeout(leave, options.timeoutMs);
    signal.addEventListener("abort", leave);
    try {
      if (running >= options.maxParallel && !(await turn(waiting, stop.signal))) return late;
      if (stop.signal.aborted) return late;
      running += 1;
      try {
        return await answerTo(options, path, query, stop.signal, late);
      } finally {
        running -= 1;
        waiting.shift()?.();
      }
    } finally {
      clearTimeout(deadline);
      signal.removeEventListener("abort", leave);
    }
  };
}

/** Waits at the end of the queue; false when it was left before. */
const turn = (queue: (() => void)[], signal: AbortSignal): Promise<boolean> =>
  new Promise((resolve) => {
    const go = (): void => resolve(true);
    queue.push(go);
    signal.addEventListener("abort", () => {
      const at = queue.indexOf(go);
      if (at >= 0) queue.splice(at, 1);
      resolve(false);
    });
  });

export const refusal = (status: number, errorType: string, error: string): Answer => ({
  status,
  body: Buffer.from(JSON.stringify({ status: "error", errorType, error })),
});

function answerTo(
  { prometheus, authorization, timeoutMs, maxResponseBytes }: UpstreamOptions,
  path: string,
  query: URLSearchParams,
  signal: AbortSignal,
  late: Answer,
): Promise<Answer> {
  // Prometheus gives up by itself as well: a query that nobody waits for costs nothing more.
  if (/\/query(?:_range)?$/.test(path)) query.set("timeout", `${timeoutMs}ms`);
  const byPost = /\/(?:query|query_range|series)$/.test(path);
  const text = query.toString();
  return new Promise((resolve) => {
    const outgoing = request({
      host: prometheus.hostname.replace(/^\[|\]$/g, ""),
      port: prometheus.port === "" ? 80 : Number(prometheus.port),
      method: byPost ? "POST" : "GET",
      path: `${prometheus.pathname.replace(/\/$/, "")}${path}${byPost || text === "" ? "" : `?${text}`}`,
      headers: {
        ...(authorization === undefined ? {} : { authorization }),
        ...(byPost
          ? { "content-type": "application/x-www-form-urlencoded", "content-length": Buffer.byteLength(text) }
          : {}),
      },
      agent: false,
    });
    const end = (answer: Answer): void => {
      resolve(answer);
      signal.removeEventListener("abort", leave);
      outgoing.destroy();
    };
    const leave = (): void => end(late);
    signal.addEventListener("abort", leave);
    outgoing.on("error", () => end(refusal(502, "unreachable", "Prometheus cannot be reached")));
    outgoing.once("response", (incoming) => void collect(incoming, maxResponseBytes).then(end));
    outgoing.end(byPost ? text : undefined);
  });
}

/** Keeps the answer back until it is whole, so that a half answer never looks like a good one. */
async function collect(incoming: IncomingMessage, limit: number): Promise<Answer> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of incoming as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > limit) return refusal(502, "too_large", "the answer is too large; choose a shorter time range");
      parts.push(part);
    }
  } catch {
    return refusal(502, "unreachable", "Prometheus broke off its answer");
  }
  const body = Buffer.concat(parts);
  // Everything that Prometheus says is a JSON object; anything else is another program, or a page of a gateway.
  return /^\s*\{\s*"status"/.test(body.subarray(0, 64).toString("utf8"))
    ? { status: incoming.statusCode ?? 502, body }
    : refusal(502, "garbage", "what answers there is not Prometheus");
}
