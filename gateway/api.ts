// The REST API: each route in each version, with its caller, its schemas, its validators of freshness and its envelope.
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteShorthandOptions } from "fastify";
import { answerProblem, type HttpProblem, sendProblem } from "../components/server.ts";
import type { JsonSchema } from "../records/resource.ts";
import type { refusals } from "../telemetry/catalogue/gateway.ts";
import { authorize, type Caller, type Callers } from "./callers.ts";
import type { Content, Row } from "./content.ts";
import type { Exchange, Mode } from "./exchange.ts";
import type { Measures } from "./measures.ts";
import { prefix, type Route } from "./route.ts";
import type { Asked } from "./tags.ts";
import type { Answer } from "./upstreams.ts";
import {
  bodySchema,
  endHeaders,
  envelope,
  requestBody,
  type Version,
  versionHeader,
  versionOf,
  versions,
} from "./versions.ts";

export interface ApiOptions {
  readonly routes: readonly Route[];
  readonly exchange: Exchange;
  readonly callers: Callers;
  readonly measures: Measures;
}

/** Where requests go whose version nobody knows. */
const unknownVersion = "/api/unknown-version";

/** Gives a path its version: that of the URL, else of the header, else the default. */
export function versionedUrl(url: string, header: unknown): string {
  if (!url.startsWith(`${prefix}/`)) return url;
  const [, inUrl, rest = ""] = /^(?:v(\d{1,9})(?=[/?]|$))?\/?(.*)$/s.exec(url.slice(prefix.length + 1)) ?? [];
  const version = versionOf(inUrl, header);
  return version === undefined ? unknownVersion : `${prefix}/v${version}/${rest}`;
}

export function addApi(app: FastifyInstance, { routes, exchange, callers, measures }: ApiOptions): void {
  app.all(unknownVersion, (_request, reply) => {
    measures.requested("unknown");
    return answerProblem(reply, 400, `There is no such version of the API; these are: ${versions.join(", ")}.`);
  });
  const known = new WeakMap<FastifyRequest, Caller>();
  const admit = async (request: FastifyRequest, allowed: Route["roles"]): Promise<Caller> => {
    try {
      const caller = await callers(request);
      authorize(caller, allowed);
      return caller;
    } catch (thrown) {
      measures.refused(reasons[(thrown as HttpProblem).status] ?? "issuer_away");
      throw thrown;
    }
  };
  for (const route of routes)
    for (const version of versions) {
      const { method, path } = route.operation;
      app.route({
        method,
        url: `${prefix}/v${version}${path}`,
        schema: schemaOf(route, version),
        onRequest: async (request, reply) => {
          measures.requested(version);
          reply.headers({ ...endHeaders(version, path), vary });
          const caller = await admit(request, route.roles);
          known.set(request, caller);
        },
        handler: (request, reply) => {
          const call = { route, version, exchange, measures, request, reply };
          return method === "GET" ? read(call, known.get(request) as Caller) : write(call);
        },
      });
    }
}

const reasons: Readonly<Record<number, (typeof refusals)[number]>> = { 401: "unauthorized", 403: "forbidden" };

const vary = `authorization, accept-encoding, ${versionHeader}`;

interface Call {
  readonly route: Route;
  readonly version: Version;
  readonly exchange: Exchange;
  readonly measures: Measures;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

async function read(
  { route, version, exchange, measures, request, reply }: Call,
  caller: Caller,
): Promise<FastifyReply> {
  const mode = modeOf(request.headers["cache-control"]);
  const found = await exchange.read(route, askedOf(request), caller, { mode, signal: departure(reply) });
  if (found.kind === "refused") return passOn(reply, found.answer);
  const { content, cache } = found;
  const etag = `W/"${content.hash}.${version}"`;
  reply.header("etag", etag).header("cache-control", "private, no-cache").header("x-cache", cache);
  if (matches(request.headers["if-none-match"], etag)) {
    measures.notModified();
    return reply.code(304).send();
  }
  return reply.type("application/json; charset=utf-8").send(render(version, route, content));
}

async function write({ route, version, exchange, request, reply }: Call): Promise<FastifyReply> {
  const body = requestBody(version, route.formerNames, request.body as Row);
  const written = await exchange.write(route, askedOf(request), body, departure(reply));
  if (written.kind === "refused") return passOn(reply, written.answer);
  const { location } = written.answer.headers;
  if (location?.startsWith("/")) reply.header("location", `${prefix}/v${version}${location}`);
  return reply
    .code(written.answer.status)
    .header("cache-control", "no-store")
    .type("application/json; charset=utf-8")
    .send(envelope(version, route.formerNames, written.content));
}

const rendered = new WeakMap<Content, Map<Version, string>>();

/** What a process keeps is rendered once. */
function render(version: Version, { formerNames }: Route, content: Content): string {
  const texts = rendered.get(content) ?? new Map<Version, string>();
  const text = texts.get(version) ?? envelope(version, formerNames, content);
  rendered.set(content, texts.set(version, text));
  return text;
}

/** Paging by offset and leaving out totals is between services. */
const internal = ["offset", "total"];

/** What a route takes in a version. */
export function schemaOf(
  { operation, formerNames }: Route,
  version: Version,
): NonNullable<RouteShorthandOptions["schema"]> {
  const { params, querystring, body } = operation;
  return {
    ...(params && { params }),
    querystring: querystring === undefined ? nothing : withoutInternal(querystring),
    ...(body && { body: bodySchema(version, formerNames, body) }),
  };
}

const nothing: JsonSchema = { type: "object", additionalProperties: false, properties: {} };

function withoutInternal({ not: _, ...schema }: JsonSchema): JsonSchema {
  const properties = Object.entries(schema.properties as JsonSchema).filter(([name]) => !internal.includes(name));
  return { ...schema, properties: Object.fromEntries(properties) };
}

const askedOf = ({ params, query }: FastifyRequest): Asked => ({
  params: (params ?? {}) as Asked["params"],
  query: (query ?? {}) as Asked["query"],
});

/** What the client wants of caches (RFC 9111). */
function modeOf(control: string | undefined): Mode {
  if (control === undefined) return "use";
  if (/\bonly-if-cached\b/.test(control)) return "only";
  return /\b(?:no-cache|no-store)\b|\bmax-age=0\b/.test(control) ? "past" : "use";
}

const matches = (header: string | undefined, etag: string): boolean =>
  header !== undefined &&
  (header.trim() === "*" || header.split(",").some((each) => each.trim().replace(/^W\//, "") === etag.slice(2)));

/** Aborted when the client leaves before it has its answer. */
function departure({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController();
  raw.once("close", () => {
    if (!raw.writableFinished) controller.abort();
  });
  return controller.signal;
}

/** An upstream's refusal in its own words, when it speaks in problem documents as our services do. */
function passOn(reply: FastifyReply, { status, headers, text }: Answer): FastifyReply {
  if (status < 400) return answerProblem(reply, 502, "The service behind this route answered something else.");
  if (headers["retry-after"] !== undefined) reply.header("retry-after", headers["retry-after"]);
  if (headers["content-type"]?.startsWith("application/problem+json") !== true)
    return answerProblem(reply, status, "The service behind this route refused.");
  return sendProblem(reply, status, text);
}
