// A request that a service receives, from its first byte to the end of its answer: one span, its metrics, its error. The frameworks' adapters are thin.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Server, Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { type Context, context, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { httpMethods } from "./catalogue/http.ts";
import { typeOf } from "./failure.ts";
import { oneOf } from "./metrics.ts";
import { type Method, perOutcome } from "./outcomes.ts";
import { redact } from "./redact.ts";
import type { Telemetry } from "./service.ts";
import { parseTraceParent } from "./trace-context.ts";
import { root } from "./unrecorded.ts";

/** A request under way. */
export interface Incoming {
  /** In which its handler has to run, so that what it does belongs to the request's span. */
  readonly context: Context;
  /** The route's template. */
  route?: string | undefined;
  /** What the adapter knows the request by: of it the route is asked at the end, when nobody has said it before. */
  subject?: unknown;
  /** What the handler threw. */
  error?: unknown;
}

interface Begun extends Incoming {
  readonly method: Method;
  readonly began: number;
  readonly span: Span;
}

/** Probes and scrapes are not the service's work: they would drown it in the counts. */
const operations = new Set(["/metrics", "/healthz", "/readyz"]);
const longestOperation = Math.max(...Array.from(operations, (path) => path.length));
const clientLeft = 499;
const mostTemplates = 1_000;

export type Receive = (request: IncomingMessage, response: ServerResponse) => Incoming;

/**
 * Begins to observe a request; a second call for the same one returns the first one's. It runs in every request of a service, so it
 * makes one object and no function for each: those that hold on to the request let V8 keep it until the next full collection.
 * A server that is not given is known from its first request on.
 */
export function receiver(
  telemetry: Telemetry,
  routeOf: (subject: unknown) => string | undefined = () => undefined,
  server?: Server,
): Receive {
  const { metrics, tracer, reports } = telemetry;
  const aborted = metrics.counter("http_requests_aborted_total").with({});
  const receivedBytes = metrics.counter("http_request_body_bytes_total").with({});
  const sentBytes = metrics.counter("http_response_body_bytes_total").with({});
  // On the request itself: a WeakMap with an entry for each request keeps the collector busy.
  const known = Symbol("incoming");
  type Known = IncomingMessage & { [known]?: Incoming };
  const servers = serversOf(telemetry);
  servers.add(server);
  const routes = createRoutes(telemetry);
  let inFlight = 0;
  metrics.source(() => [{ metric: "http_requests_in_flight", labels: {}, value: inFlight }]);

  function end(this: ServerResponse): void {
    const request = this.req as Known;
    const { method, began, span, route: said, subject, error } = request[known] as Begun;
    inFlight--;
    const left = !this.writableFinished;
    const status = left ? clientLeft : this.statusCode;
    // What the framework refuses by itself never comes to its adapter.
    const route = routes(said ?? (subject === undefined ? undefined : routeOf(subject)) ?? "unmatched");
    const traceId = span.isRecording() ? span.spanContext().traceId : undefined;
    const series = route.outcome(method, status);
    series.requests.inc();
    series.durations.observe((performance.now() - began) / 1_000, traceId);
    if (left) aborted.inc();
    const declared = request.headers["content-length"];
    if (declared !== undefined) receivedBytes.inc(lengthOf(declared));
    sentBytes.inc(sentBy(this));
    if (traceId === undefined && status < 500) {
      span.end();
      return;
    }
    const about = {
      "http.request.method": method === "other" ? "_OTHER" : method,
      "http.route": route.shown,
      "http.response.status_code": status,
    } as const;
    if (status >= 500) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      if (error !== undefined) {
        span.setAttributes(redact(typeOf(error)));
        const ids = traceId === undefined ? {} : { trace_id: traceId, span_id: span.spanContext().spanId };
        reports.report(error, { ...about, ...ids });
      }
    }
    span.setAttributes(about);
    span.end();
  }

  return (request: Known, response) => {
    const before = request[known];
    if (before !== undefined) return before;
    servers.add((request.socket as Accepted).server);
    if (isOperation(request.url ?? "")) {
      request[known] = { context: context.active() };
      return request[known];
    }
    const parent = parseTraceParent(request.headers.traceparent);
    const outer = parent === undefined ? root : trace.setSpanContext(root, parent);
    const span = tracer.startSpan("request", serving, outer);
    const incoming: Begun = {
      context: trace.setSpan(outer, span),
      route: undefined,
      subject: undefined,
      error: undefined,
      method: oneOf(httpMethods, request.method),
      began: performance.now(),
      span,
    };
    request[known] = incoming;
    inFlight++;
    response.on("close", end);
    return incoming;
  };
}

const serving = { kind: SpanKind.SERVER } as const;

function isOperation(url: string): boolean {
  const query = url.indexOf("?");
  // Most are longer: to look one up is to hash it.
  if ((query < 0 ? url.length : query) > longestOperation) return false;
  return operations.has(query < 0 ? url : url.slice(0, query));
}

interface RouteSeries {
  /** The template as it may be shown. */
  readonly shown: string;
  outcome(
    method: Method,
    status: number,
  ): { readonly requests: { inc(): void }; readonly durations: { observe(seconds: number, traceId?: string): void } };
}

/** The series of each route: there are as many templates as there are routes. */
function createRoutes({ metrics }: Telemetry): (template: string) => RouteSeries {
  const requests = metrics.counter("http_requests_total");
  const durations = metrics.histogram("http_request_duration_seconds");
  const known = new Map<string, RouteSeries>();
  return (template) => {
    const found = known.get(template);
    if (found !== undefined) return found;
    const route = String(redact({ "http.route": template })["http.route"] ?? "other");
    const made: RouteSeries = {
      shown: route,
      outcome: perOutcome((method, status) => {
        const labels = { method, route, status_code: String(status) };
        return { requests: requests.with(labels), durations: durations.with(labels) };
      }),
    };
    if (known.size < mostTemplates) known.set(template, made);
    return made;
  };
}

/** Whether a path is one of those that a template such as `/orders/:id` stands for. */
export function matchesTemplate(template: string, path: string): boolean {
  const [wanted, given] = [template.split("/"), path.split("/")];
  return wanted.length === given.length && wanted.every((part, at) => part.startsWith(":") || part === given[at]);
}

/** A connection knows by whom it was accepted; one that is injected was not. */
type Accepted = Socket & { readonly server?: Server };

/** Servers are asked for their connections: those that have not sent a whole header yet are known to nobody else. */
function serversOf({ metrics }: Telemetry): { add(server: Server | undefined): void } {
  const servers = new Set<Server>();
  metrics.source(async () => {
    const counts = await Promise.all(Array.from(servers, connectionsOf));
    return [{ metric: "active_connections", labels: {}, value: counts.reduce((sum, count) => sum + count, 0) }];
  });
  return {
    add: (server) => {
      if (server === undefined || servers.has(server)) return;
      servers.add(server);
      server.once("close", () => servers.delete(server));
    },
  };
}

const connectionsOf = (server: Server): Promise<number> =>
  new Promise((resolve) => server.getConnections((error, count) => resolve(error === null ? count : 0)));

const refusals: Readonly<Record<string, number>> = { ERR_HTTP_REQUEST_TIMEOUT: 408, HPE_HEADER_OVERFLOW: 431 };

/** With which status a server refuses what is no request, by its `clientError`; undefined where nobody is there to be told. */
export function refusalOf({ code }: { readonly code?: string | undefined }, socket: Socket): number | undefined {
  return code === "ECONNRESET" || !socket.writable ? undefined : (refusals[code ?? ""] ?? 400);
}

/** What a header declares, or 0: a length is a whole number and nothing else. */
const lengthOf = (header: string): number => (/^\d{1,15}$/.test(header) ? Number(header) : 0);

/** The length that Node has sent as a header, which `getHeader` does not know when it was given to `writeHead` or is Node's own. */
const sentBy = (response: ServerResponse & { readonly _contentLength?: unknown }): number =>
  typeof response._contentLength === "number" ? response._contentLength : 0;
