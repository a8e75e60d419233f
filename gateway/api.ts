// The REST API: each route in each version, with its caller, its schemas, its validators of freshness and its envelope.
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteShorthandOptions } from "fastify";
import { departure } from "../components/departure.ts";
import { answerProblem } from "../components/server.ts";
import type { JsonSchema } from "../records/resource.ts";
import type { Admit } from "./admission.ts";
import type { Caller } from "./callers.ts";
import { sendText, type Text, textOf } from "./compression.ts";
import type { Content, Row } from "./content.ts";
import { directivesOf, secondsOf } from "./directives.ts";
import { type Exchange, type Mode, notKept, pathOf } from "./exchange.ts";
import type { Measures } from "./measures.ts";
import { prefix, type Route } from "./route.ts";
import type { Asked } from "./tags.ts";
import type { Answer } from "./upstreams.ts";
import {
  bodySchema,
  endHeaders,
  envelope,
  newest,
  requestBody,
  type Version,
  versionHeader,
  versionOf,
  versions,
} from "./versions.ts";

export interface ApiOptions {
  readonly routes: readonly Route[];
  readonly exchange: Exchange;
  readonly admit: Admit;
  readonly measures: Measures;
}

/** Where requests go whose version nobody knows. */
const unknownVersion = "/api/unknown-version";

const versioned = versions.map((version) => `${prefix}/v${version}/`);

/** What looks like a version, and the rest. */
const firstPart = /^([vV]\d[^/?]*)?\/?(.*)$/s;

/** Gives a path its version: that of the URL, else of the header, else the default. */
export function versionedUrl(url: string, header: unknown): string {
  if (!url.startsWith(`${prefix}/`) || versioned.some((path) => url.startsWith(path))) return url;
  const [, inUrl, rest = ""] = firstPart.exec(url.slice(prefix.length + 1)) ?? [];
  const version = versionOf(inUrl?.replace(/^v/, ""), header);
  return version === undefined ? unknownVersion : `${prefix}/v${version}/${rest}`;
}

export function addApi(app: FastifyInstance, { routes, exchange, admit, measures }: ApiOptions): void {
  // Declared, so that all requests have one shape; what a route's onRequest does not set is nobody.
  app.decorateRequest("caller", null as unknown as Caller);
  app.all(unknownVersion, (_request, reply) => {
    measures.requested("unknown");
    return answerProblem(reply, 400, `There is no such version of the API; these are: ${versions.join(", ")}.`);
  });
  for (const route of routes)
    for (const version of versions) {
      const { method, path } = route.operation;
      const headers = { ...endHeaders(version), vary };
      app.route({
        method,
        url: `${prefix}/v${version}${path}`,
        schema: schemaOf(route, version),
        onRequest: (request, reply, done) => {
          measures.requested(version);
          reply.headers(headers);
          if (version !== newest) reply.header("link", successorLink(path, request.params as Asked["params"]));
          const set = (caller: Caller): void => {
            request.caller = caller;
          };
          const admitted = admit(request, reply, route.roles);
          // Fastify goes on by itself when the promise is kept.
          if (admitted instanceof Promise) return admitted.then(set);
          set(admitted);
          done();
        },
        handler: (request, reply) => {
          const call = { route, version, exchange, measures, request, reply };
          return method === "GET" ? read(call) : write(call);
        },
      });
    }
}

/** Where the newest version has the same. Of its path nothing is taken as it came. */
const successorLink = (path: string, params: Asked["params"]): string =>
  `<${prefix}/v${newest}${pathOf(path, { params, query: {} })}>; rel="successor-version"`;

const vary = `accept-encoding, authorization, origin, ${versionHeader}`;

const jsonType = "application/json; charset=utf-8";

interface Call {
  readonly route: Route;
  readonly version: Version;
  readonly exchange: Exchange;
  readonly measures: Measures;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** Answers at once, without a promise, when the process has everything at hand. */
function read(call: Call): Promise<void> | undefined {
  const { route, exchange, request, reply } = call;
  const { mode, mostMs } = wishOf(request.headers["cache-control"]);
  const asked = askedOf(request);
  const near = mode === "past" ? undefined : exchange.near(route, asked, request.caller);
  if (near !== undefined && isYoung(near)) return answer(call, near, "HIT", true);
  return readOn();

  async function readOn(): Promise<void> {
    const signal = departure(reply);
    let found = await exchange.read(route, asked, request.caller, { mode, signal });
    if (found.kind === "content" && found.cache === "HIT" && !isYoung(found.content)) {
      if (mode === "only") throw notKept();
      found = await exchange.read(route, asked, request.caller, { mode: "past", signal });
    }
    if (found.kind === "refused") passOn(reply, found.answer);
    else await answer(call, found.content, found.cache, found.store);
  }

  function isYoung({ at }: Content): boolean {
    return mostMs === Number.POSITIVE_INFINITY || Date.now() - Date.parse(at) <= mostMs;
  }
}

function answer(
  { route, version, measures, request, reply }: Call,
  content: Content,
  cache: "HIT" | "MISS" | "BYPASS",
  store: boolean,
): Promise<void> | undefined {
  const form = formOf(content, version, route);
  reply.header("etag", form.etag).header("cache-control", store ? "private, no-cache" : "no-store");
  reply.header("x-cache", cache);
  if (matches(request.headers["if-none-match"], form.etag)) {
    measures.notModified();
    reply.code(304).send();
    return;
  }
  return sendText(reply.type(jsonType), form);
}

async function write({ route, version, exchange, request, reply }: Call): Promise<void> {
  const body = requestBody(version, route.formerNames, request.body as Row);
  const written = await exchange.write(route, askedOf(request), body, departure(reply));
  if (written.kind === "refused") return void passOn(reply, written.answer);
  const { location } = written.answer.headers;
  if (location?.startsWith("/")) reply.header("location", `${prefix}/v${version}${location}`);
  reply.code(written.answer.status).header("cache-control", "no-store").type(jsonType);
  await sendText(reply, textOf(envelope(version, route.formerNames, written.content)));
}

/** Content as a version answers it. */
interface Form extends Text {
  readonly etag: string;
}

const forms = new WeakMap<Content, Map<Version, Form>>();

/** What a process keeps is rendered and compressed once. */
function formOf(content: Content, version: Version, { formerNames }: Route): Form {
  const known = forms.get(content) ?? new Map<Version, Form>();
  const found = known.get(version);
  if (found !== undefined) return found;
  const text = textOf(envelope(version, formerNames, content));
  const made: Form = { etag: `W/"${content.hash}.${version}"`, ...text };
  forms.set(content, known.set(version, made));
  return made;
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

interface Wish {
  readonly mode: Mode;
  /** How old the answer may be. */
  readonly mostMs: number;
}

const anything: Wish = { mode: "use", mostMs: Number.POSITIVE_INFINITY };

/** What the client wants of caches (RFC 9111, 5.2.1). */
function wishOf(control: string | undefined): Wish {
  if (control === undefined) return anything;
  const said = directivesOf(control);
  const [fresh, age] = [said.has("no-cache") || said.has("no-store"), said.get("max-age")];
  const mostMs = fresh ? 0 : age === undefined ? Number.POSITIVE_INFINITY : secondsOf(age) * 1_000;
  if (said.has("only-if-cached")) return { mode: "only", mostMs };
  return { mode: mostMs === 0 ? "past" : "use", mostMs };
}

const matches = (header: string | undefined, etag: string): boolean =>
  header !== undefined &&
  (header.trim() === "*" || header.split(",").some((each) => each.trim().replace(/^W\//, "") === etag.slice(2)));

/** An upstream's refusal in its own words, when it speaks in problem documents as our services do. */
function passOn(reply: FastifyReply, { status, headers, text }: Answer): FastifyReply {
  const later = headers["retry-after"];
  if (later !== undefined && /^\d{1,6}$|^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/.test(later))
    reply.header("retry-after", later);
  const spoken = headers["content-type"]?.startsWith("application/problem+json") === true;
  return answerProblem(reply, status, (spoken && detailOf(text)) || "The service behind this route refused.");
}

/** What a problem document says in words (RFC 9457, 3.1.4). */
function detailOf(document: string): string | undefined {
  try {
    const { detail } = Object(JSON.parse(document)) as { readonly detail?: unknown };
    return typeof detail === "string" ? detail : undefined;
  } catch {
    return undefined;
  }
}
