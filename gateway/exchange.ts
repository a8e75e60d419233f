// Reads through the cache, and makes invalid what a change may have changed: the same for REST and GraphQL.
import { trace } from "@opentelemetry/api";
import type { Cache, Policies, Policy, Tag } from "../cache/index.ts";
import { HttpProblem } from "../components/server.ts";
import { limits } from "../records/operations.ts";
import type { Telemetry } from "../telemetry/service.ts";
import type { Caller } from "./callers.ts";
import { type Content, type Parsed, parseContent, type Row } from "./content.ts";
import { directivesOf, secondsOf } from "./directives.ts";
import { type Route, routeName } from "./route.ts";
import { type Asked, changedBy, tagsOf } from "./tags.ts";
import { createTogether } from "./together.ts";
import { type Answer, Departed, type Upstreams } from "./upstreams.ts";

/** `past`: the answer must come from the upstream. `only`: it must not. */
export type Mode = "use" | "past" | "only";

export type Read =
  | {
      readonly kind: "content";
      readonly content: Content;
      readonly cache: "HIT" | "MISS" | "BYPASS";
      /** False when its upstream wants nobody to keep it, the client neither. */
      readonly store: boolean;
    }
  | { readonly kind: "refused"; readonly answer: Answer };

export type Written =
  | { readonly kind: "content"; readonly content: Content; readonly answer: Answer }
  | { readonly kind: "refused"; readonly answer: Answer };

export interface Exchange {
  /** What this process has at hand and may serve; undefined when it has to be read. */
  near(route: Route, asked: Asked, caller: Caller): Content | undefined;
  /** Rejects with an HttpProblem when the upstream gives no answer, or one that is none. */
  read(
    route: Route,
    asked: Asked,
    caller: Caller,
    how: { readonly mode: Mode; readonly signal: AbortSignal },
  ): Promise<Read>;
  /** What it changed is invalid before it resolves. */
  write(route: Route, asked: Asked, body: Row, signal: AbortSignal): Promise<Written>;
}

type Tracer = Telemetry["tracer"];

export interface ExchangeOptions {
  readonly upstreams: Upstreams;
  /** Without one, every read goes to its upstream. */
  readonly cache?: Cache<Policies> | undefined;
  readonly tracer: Tracer;
}

type Kept = Content & { readonly tags: readonly Tag[] };

/** The policies of all routes that keep answers. */
export const policiesOf = (routes: readonly Route[]): Policies =>
  Object.fromEntries(
    routes.flatMap((route): readonly [string, Policy][] => {
      if (route.cache === undefined) return [];
      const name = routeName(route);
      const id = route.operation.params === undefined ? "" : ":{id}";
      const { ttl, encrypted } = route.cache;
      const key = `${name}${id}:{scope}:{query}`;
      // What is asked for again and again is never waited for.
      const strategy = "refresh-ahead";
      return [[name, { key, strategy, ttl, encrypted, valueTags: ({ tags }: Kept) => tags }]];
    }),
  );

type Loaded =
  | { readonly kind: "content"; readonly content: Kept; readonly keep: boolean; readonly store: boolean }
  | { readonly kind: "refused"; readonly answer: Answer };

export function createExchange({ upstreams, cache, tracer }: ExchangeOptions): Exchange {
  const together = createTogether();
  const load = async (route: Route, asked: Asked, signal: AbortSignal): Promise<Loaded> => {
    const { operation, upstream } = route;
    const path = pathOf(operation.path, asked);
    const answer = await upstreams.ask({ upstream, method: "GET", path, signal });
    if (answer.status !== 200) return refused(answer);
    const { content } = parsed(route, answer);
    return { kind: "content", content: { ...content, tags: tagsOf(route, asked) }, ...keepingOf(answer, route) };
  };
  const past = async (route: Route, asked: Asked, signal: AbortSignal): Promise<Read> =>
    readOf(await load(route, asked, signal), "BYPASS");

  const through = async (to: Cache<Policies>, route: Route, asked: Asked, caller: Caller, signal: AbortSignal) => {
    let own: Loaded | undefined;
    const [name, id] = [routeName(route), idOf(asked, caller.scope)];
    try {
      const value = await together(JSON.stringify([name, id]), signal, (left) =>
        to.wrap(name, id, async () => {
          own = await load(route, asked, left).catch(unlessDeparted);
          if (own === undefined) return undefined;
          if (own.kind === "refused" && own.answer.status >= 500) throw new Failed(own);
          return own.kind === "content" && own.keep ? own.content : undefined;
        }),
      );
      if (value !== undefined)
        return { kind: "content", content: value, cache: own === undefined ? "HIT" : "MISS", store: true } as const;
      // What somebody else has loaded may not be shared, or has ended with him.
      return own === undefined ? past(route, asked, signal) : readOf(own, "MISS");
    } catch (thrown) {
      if (thrown instanceof Failed) return readOf(thrown.loaded, "MISS");
      throw thrown;
    }
  };

  return {
    near: (route, asked, { scope }) => {
      if (cache === undefined || route.cache === undefined) return undefined;
      const name = routeName(route);
      const content = cache.peek(name, idOf(asked, scope)) as Kept | undefined;
      // It takes less time than a span can tell: the request's own says which cache had the answer.
      if (content !== undefined) trace.getActiveSpan()?.setAttribute("cache.name", name);
      return content;
    },
    read: (route, asked, caller, { mode, signal }) =>
      inSpan(tracer, "cache", routeName(route), async () => {
        const kept = route.cache === undefined ? undefined : cache;
        if (mode === "only") {
          const content = (await kept?.get(routeName(route), idOf(asked, caller.scope))) as Kept | undefined;
          if (content === undefined) throw notKept();
          return { kind: "content", content, cache: "HIT", store: true };
        }
        return kept === undefined || mode === "past"
          ? past(route, asked, signal)
          : through(kept, route, asked, caller, signal);
      }),
    write: async (route, asked, body, signal) => {
      const { operation, upstream } = route;
      const ask = { upstream, method: operation.method, path: pathOf(operation.path, asked) };
      // Until the upstream has said no, the change may have been made, also when nobody has heard of it.
      let changed: ReturnType<typeof changedBy> | undefined = changedBy(route, body, undefined);
      try {
        const answer = await upstreams.ask({ ...ask, body: JSON.stringify(body), signal });
        if (answer.status >= 400 && answer.status < 500) changed = undefined;
        if (answer.status !== operation.status) return refused(answer);
        const { content, records } = parsed(route, answer);
        changed = changedBy(route, body, records[0]);
        return { kind: "content", content, answer };
      } finally {
        if (changed !== undefined && route.uncached !== true) await cache?.invalidate({ related: changed });
      }
    },
  };
}

export const notKept = (): HttpProblem => new HttpProblem(504, "The cache has no answer to this.");

/** A load that nobody waits for any more is none, and no failure. */
const unlessDeparted = (thrown: unknown): undefined => {
  if (!(thrown instanceof Departed)) throw thrown;
};

/** An upstream's failure: shared by all who wait for the same load, kept by nobody. */
class Failed extends Error {
  readonly loaded: Loaded;

  constructor(loaded: Loaded) {
    super("the upstream failed");
    this.loaded = loaded;
  }
}

function parsed({ operation }: Route, { text }: Answer): Parsed {
  const found = parseContent(operation, text);
  if (found === undefined) throw somethingElse();
  return found;
}

const somethingElse = (): HttpProblem => new HttpProblem(502, "The service behind this route answered something else.");

/** What an upstream may refuse its caller; any other refusal is about how the gateway asked, and no answer to the caller. */
const refusals = new Set([400, 403, 404, 409, 410, 422, 429, 500, 502, 503, 504]);

function refused(answer: Answer): { readonly kind: "refused"; readonly answer: Answer } {
  if (!refusals.has(answer.status)) throw somethingElse();
  return { kind: "refused", answer };
}

const readOf = (loaded: Loaded, cache: "MISS" | "BYPASS"): Read =>
  loaded.kind === "refused" ? loaded : { kind: "content", content: loaded.content, cache, store: loaded.store };

/** Whether an upstream lets its answer be kept for as long as the route wants to, and whether anybody may store it. */
function keepingOf({ headers }: Answer, { cache }: Route): { readonly keep: boolean; readonly store: boolean } {
  const said = directivesOf(headers["cache-control"]);
  const store = !said.has("no-store");
  if (!store || said.has("no-cache") || said.has("private")) return { keep: false, store };
  const age = said.get("s-maxage") ?? said.get("max-age");
  return { keep: age === undefined || secondsOf(age) >= (cache?.ttl ?? 0), store };
}

const idOf = ({ params, query }: Asked, scope: string): Readonly<Record<string, string>> => {
  const { id } = params;
  return { ...(id === undefined ? {} : { id }), scope, query: queryOf(query) || "-" };
};

const defaults: Asked["query"] = { page: "1", limit: String(limits.default) };

/** In one order and without defaults, so that the same question is the same key. */
function queryOf(query: Asked["query"]): string {
  const given = Object.entries(query);
  if (given.length === 0) return "";
  const entries = given.filter(([name, value]) => defaults[name] !== value);
  if (entries.length === 0) return "";
  return new URLSearchParams(entries.toSorted(([one], [other]) => (one < other ? -1 : 1))).toString();
}

/** The template with its values, each encoded anew: what a client wrote is never taken as a path. */
export function pathOf(template: string, { params, query }: Asked): string {
  const path = template.replaceAll(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ""));
  const search = queryOf(query);
  return search === "" ? path : `${path}?${search}`;
}

/** Around a read (`cache`) and, within it, a load. */
export const inSpan = <T>(tracer: Tracer, span: "cache" | "load", name: string, work: () => Promise<T>): Promise<T> =>
  tracer.startActiveSpan(span, { attributes: { "cache.name": name } }, async (begun) => {
    try {
      return await work();
    } finally {
      begun.end();
    }
  });
