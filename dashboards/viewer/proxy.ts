// The way to Prometheus: reading queries only, with a deadline and a limit on what comes back.
import type { IncomingMessage, ServerResponse } from "node:http";
import { request } from "../../components/http.ts";

export interface ProxyOptions {
  readonly prometheus: URL;
  readonly authorization?: string;
  readonly timeoutMs: number;
  readonly maxRequestBytes: number;
  readonly maxResponseBytes: number;
  /** Queries under way at once; more are told to come back. */
  readonly maxParallel: number;
}

export const proxyDefaults = {
  timeoutMs: 20_000,
  maxRequestBytes: 64 * 1_024,
  maxResponseBytes: 16 * 1_024 * 1_024,
  maxParallel: 24,
} as const;

const routes: readonly RegExp[] = [
  /^\/api\/v1\/(?:query|query_range|query_exemplars|labels|series)$/,
  /^\/api\/v1\/label\/[a-zA-Z_][a-zA-Z0-9_]*\/values$/,
];
/** What a query may say; everything else is dropped. */
const parameters: ReadonlySet<string> = new Set(["query", "time", "start", "end", "step", "match[]", "limit"]);

export const isQueryPath = (path: string): boolean => routes.some((route) => route.test(path));

/** Hands one query to Prometheus. Whatever goes wrong becomes an answer that Prometheus itself could have given. */
export function makeProxy(
  options: ProxyOptions,
): (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void> {
  let running = 0;
  return async (incoming, response, url) => {
    if (running >= options.maxParallel) return refuse(response, 503, "busy", "too many queries at once");
    running += 1;
    try {
      const body = incoming.method === "POST" ? await readBody(incoming, options.maxRequestBytes) : "";
      if (body === undefined) return refuse(response, 413, "too_large", "the query is too large");
      await forward(options, response, url, asked(url, body, options.timeoutMs));
    } catch {
      if (!response.headersSent) refuse(response, 400, "bad_request", "the request ended too early");
    } finally {
      running -= 1;
    }
  };
}

function asked(url: URL, body: string, timeoutMs: number): URLSearchParams {
  const kept = new URLSearchParams();
  for (const [name, value] of [...url.searchParams, ...new URLSearchParams(body)])
    if (parameters.has(name)) kept.append(name, value);
  // Prometheus gives up by itself as well: a query that nobody waits for costs nothing more.
  if (/\/query(?:_range)?$/.test(url.pathname)) kept.set("timeout", `${timeoutMs}ms`);
  return kept;
}

function forward(options: ProxyOptions, response: ServerResponse, url: URL, query: URLSearchParams): Promise<void> {
  const base = options.prometheus.pathname.replace(/\/$/, "");
  const byPost = /\/(?:query|query_range|series)$/.test(url.pathname);
  const text = query.toString();
  return new Promise((resolve) => {
    const outgoing = request({
      host: options.prometheus.hostname.replace(/^\[|\]$/g, ""),
      port: options.prometheus.port === "" ? 80 : Number(options.prometheus.port),
      method: byPost ? "POST" : "GET",
      path: `${base}${url.pathname}${byPost || text === "" ? "" : `?${text}`}`,
      headers: {
        ...(options.authorization === undefined ? {} : { authorization: options.authorization }),
        ...(byPost
          ? { "content-type": "application/x-www-form-urlencoded", "content-length": Buffer.byteLength(text) }
          : {}),
      },
      agent: false,
    });
    const deadline = setTimeout(() => {
      refuse(response, 504, "timeout", `Prometheus did not answer within ${Math.round(options.timeoutMs / 1_000)} s`);
      outgoing.destroy();
    }, options.timeoutMs);
    response.once("close", () => outgoing.destroy());
    outgoing.once("close", () => {
      clearTimeout(deadline);
      resolve();
    });
    outgoing.once("error", () => {
      refuse(response, 502, "unreachable", "Prometheus cannot be reached");
    });
    outgoing.once("response", (answer) =>
      collect(answer, response, options.maxResponseBytes, () => outgoing.destroy()),
    );
    outgoing.end(byPost ? text : undefined);
  });
}

/** Keeps the answer back until it is whole, so that a half answer never looks like a good one. */
function collect(answer: IncomingMessage, response: ServerResponse, limit: number, stop: () => void): void {
  const parts: Buffer[] = [];
  let size = 0;
  answer.on("data", (part: Buffer) => {
    size += part.length;
    if (size <= limit) parts.push(part);
    else {
      refuse(response, 502, "too_large", "the answer is too large; choose a shorter time range");
      stop();
    }
  });
  answer.once("error", () => refuse(response, 502, "unreachable", "Prometheus broke off its answer"));
  answer.once("end", () => {
    if (response.headersSent) return;
    const whole = Buffer.concat(parts);
    // Everything that Prometheus says is a JSON object; anything else is another program, or a page of a gateway.
    if (!looksLikeAnswer(whole)) refuse(response, 502, "garbage", "what answers there is not Prometheus");
    else
      response
        .writeHead(answer.statusCode ?? 502, { "content-type": "application/json", "content-length": whole.length })
        .end(whole);
  });
}

const looksLikeAnswer = (body: Buffer): boolean => /^\s*\{\s*"status"/.test(body.subarray(0, 64).toString("utf8"));

async function readBody(incoming: IncomingMessage, limit: number): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of incoming as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > limit) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function refuse(response: ServerResponse, status: number, errorType: string, error: string): void {
  if (response.headersSent || response.destroyed) return;
  response
    .writeHead(status, { "content-type": "application/json" })
    .end(JSON.stringify({ status: "error", errorType, error }));
}
