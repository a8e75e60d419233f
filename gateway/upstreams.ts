// Hands a request to its upstream once and takes the whole answer; whatever breaks in between is one status.
import type { IncomingMessage, RequestOptions } from "node:http";
import { urlToHttpOptions } from "node:url";
import { Agent, request as open } from "../components/http.ts";
import { HttpProblem } from "../components/server.ts";

export interface Ask {
  readonly upstream: string;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly body?: string;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Partial<Record<(typeof answered)[number], string>>>;
  readonly text: string;
}

export interface Upstreams {
  /** Rejects with an HttpProblem of 502 or 504 when there is no whole answer in time, and with Departed when nobody waits any more. */
  ask(ask: Ask): Promise<Answer>;
  /** Connections and waiting requests by upstream. */
  state(): readonly {
    readonly upstream: string;
    readonly busy: number;
    readonly idle: number;
    readonly waiting: number;
  }[];
  close(): void;
}

export interface UpstreamOptions {
  /** Service -> base URL. */
  readonly urls: Readonly<Record<string, string>>;
  /** Milliseconds for a whole answer. */
  readonly deadlineMs: number;
}

/** Nobody waits for the answer any more: of this nobody is told. */
export class Departed extends HttpProblem {
  constructor() {
    super(499, "Nobody waits for the answer any more.");
  }
}

/** Of what an upstream says, only this is read. */
const answered = ["content-type", "cache-control", "location", "retry-after"] as const;
const mostSockets = 64;
const mostBytes = 8 * 1_048_576;

export function createUpstreams({ urls, deadlineMs }: UpstreamOptions): Upstreams {
  const pools = new Map(
    Object.entries(urls).map(([name, url]) => [
      name,
      // Upstreams keep connections for longer than this, so none is closed on its way to being used.
      {
        // Taken apart once: for each request it is a fifth of what a call costs.
        to: urlToHttpOptions(new URL(url)),
        agent: new Agent({ keepAlive: true, maxSockets: mostSockets, maxFreeSockets: mostSockets, timeout: 30_000 }),
      },
    ]),
  );
  return {
    ask: ({ upstream, method, path, body, signal }) => {
      const pool = pools.get(upstream);
      if (pool === undefined) throw new Error(`gateway: ${upstream} has no address`);
      if (signal?.aborted) return Promise.reject(new Departed());
      return exchange(pool, { method, path, body, signal, deadlineMs });
    },
    state: () =>
      [...pools].map(([upstream, { agent }]) => ({
        upstream,
        busy: lengthOf(agent.sockets),
        idle: lengthOf(agent.freeSockets),
        waiting: lengthOf(agent.requests),
      })),
    close: () => {
      for (const { agent } of pools.values()) agent.destroy();
    },
  };
}

const lengthOf = (lists: NodeJS.ReadOnlyDict<readonly unknown[]>): number =>
  Object.values(lists).reduce((sum, list) => sum + (list?.length ?? 0), 0);

interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly body: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly deadlineMs: number;
}

const exchange = (
  { to, agent }: { readonly to: RequestOptions; readonly agent: InstanceType<typeof Agent> },
  { method, path, body, signal, deadlineMs }: Exchange,
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const headers = {
      accept: "application/json",
      ...(body === undefined
        ? {}
        : { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) }),
    };
    const outgoing = open({ ...to, method, path, agent, headers });
    const end = (settle: () => void, why?: Error): void => {
      clearTimeout(deadline);
      signal?.removeEventListener("abort", leave);
      settle();
      outgoing.destroy(why);
    };
    const fail = (status: number, detail: string): void => end(() => reject(new HttpProblem(status, detail)));
    const broken = (): void => fail(502, "The service behind this route gave no whole answer.");
    const leave = (): void => end(() => reject(new Departed()), new DOMException("left", "AbortError"));
    const deadline = setTimeout(() => fail(504, "The service behind this route did not answer in time."), deadlineMs);
    signal?.addEventListener("abort", leave);
    outgoing.on("error", broken);
    outgoing.once("response", (incoming: IncomingMessage) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      incoming.on("data", (part: Buffer) => {
        bytes += part.length;
        if (bytes > mostBytes) fail(502, "The service behind this route answered with too much.");
        else parts.push(part);
      });
      incoming.on("error", broken);
      incoming.on("end", () => {
        clearTimeout(deadline);
        signal?.removeEventListener("abort", leave);
        const text = Buffer.concat(parts).toString();
        resolve({ status: incoming.statusCode ?? 0, headers: pick(incoming), text });
      });
    });
    outgoing.end(body);
  });

function pick({ headers }: IncomingMessage): Answer["headers"] {
  const picked: { [name in (typeof answered)[number]]?: string } = {};
  for (const name of answered) if (headers[name] !== undefined) picked[name] = headers[name];
  return picked;
}
