// The way to Prometheus for those who see the page: reading queries only, one by one or many in one request.
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Answer, type Ask, makeUpstream, refusal, type UpstreamOptions } from "./upstream.ts";

export const proxyDefaults = {
  timeoutMs: 20_000,
  maxResponseBytes: 16 * 1_024 * 1_024,
  maxParallel: 24,
  maxWaiting: 500,
} as const;

const maxRequestBytes = 64 * 1_024;
const maxManyBytes = 512 * 1_024;
const maxMany = 300;

const routes: readonly RegExp[] = [
  /^\/api\/v1\/(?:query|query_range|query_exemplars|labels|series)$/,
  /^\/api\/v1\/label\/[a-zA-Z_][a-zA-Z0-9_]*\/values$/,
];
/** What a query may say; everything else is dropped. */
const parameters: ReadonlySet<string> = new Set(["query", "time", "start", "end", "step", "match[]", "limit"]);

export const isQueryPath = (path: string): boolean => routes.some((route) => route.test(path));

export interface Proxy {
  /** A request that is one query, as Prometheus takes it. */
  readonly one: (incoming: IncomingMessage, response: ServerResponse, url: URL) => Promise<void>;
  /**
   * Many queries: the body is a list of paths with their parameters, `["/api/v1/query?query=up"]`. Each answer is sent as soon as it is
   * there, as a line: its place in the list, a space, and what Prometheus says.
   */
  readonly many: (incoming: IncomingMessage, response: ServerResponse) => Promise<void>;
}

export function makeProxy(options: UpstreamOptions): Proxy {
  const ask = makeUpstream(options);
  return {
    one: async (incoming, response, url) => {
      const body = incoming.method === "POST" ? await readBody(incoming, maxRequestBytes) : "";
      send(
        response,
        typeof body === "string" ? await ask(url.pathname, allowed(url, body), untilClosed(response)) : body,
      );
    },
    many: async (incoming, response) => {
      const body = await readBody(incoming, maxManyBytes);
      if (typeof body !== "string") return send(response, body);
      const questions = listOf(body);
      if (questions === undefined) return send(response, refusal(400, "bad_request", "this is no list of queries"));
      const signal = untilClosed(response);
      response.writeHead(200, { "content-type": "application/x-ndjson", "cache-control": "no-store" });
      await Promise.all(
        questions.map(async (question, at) => {
          const line = lineOf(at, await answerTo(question, ask, signal));
          if (!response.destroyed && !response.write(line)) await drained(response);
        }),
      );
      response.end();
    },
  };
}

function answerTo(question: string, ask: Ask, signal: AbortSignal): Promise<Answer> | Answer {
  const url = URL.parse(question, "http://viewer");
  return url === null || url.host !== "viewer" || !isQueryPath(url.pathname)
    ? refusal(404, "not_found", "this is no query")
    : ask(url.pathname, allowed(url, ""), signal);
}

/** JSON has line breaks between its parts alone. */
const lineOf = (at: number, { body }: Answer): Buffer =>
  Buffer.concat([
    Buffer.from(`${at} `),
    body.includes(10) || body.includes(13) ? body.map((byte) => (byte === 10 || byte === 13 ? 32 : byte)) : body,
    Buffer.from("\n"),
  ]);

const drained = (response: ServerResponse): Promise<unknown> =>
  Promise.race([once(response, "drain"), once(response, "close")]).catch(() => {});

function untilClosed(response: ServerResponse): AbortSignal {
  const left = new AbortController();
  response.once("close", () => left.abort());
  return left.signal;
}

function listOf(body: string): readonly string[] | undefined {
  try {
    const list: unknown = JSON.parse(body);
    return Array.isArray(list) && list.length <= maxMany && list.every((each) => typeof each === "string")
      ? list
      : undefined;
  } catch {
    return undefined;
  }
}

function allowed(url: URL, body: string): URLSearchParams {
  const kept = new URLSearchParams();
  for (const [name, value] of [...url.searchParams, ...new URLSearchParams(body)])
    if (parameters.has(name)) kept.append(name, value);
  return kept;
}

async function readBody(incoming: IncomingMessage, limit: number): Promise<string | Answer> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of incoming as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > limit) return refusal(413, "too_large", "the query is too large");
      parts.push(part);
    }
  } catch {
    return refusal(400, "bad_request", "the request ended too early");
  }
  return Buffer.concat(parts).toString("utf8");
}

function send(response: ServerResponse, { status, body }: Answer): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { "content-type": "application/json", "content-length": body.length }).end(body);
}
