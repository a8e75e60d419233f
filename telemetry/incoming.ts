// A request that a service receives, from its first byte to the end of its answer: one span, its metrics, its error. The frameworks' adapters are thin.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type Context, context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { httpMethods } from "./catalogue/http.ts";
import { typeOf } from "./errors.ts";
import { oneOf } from "./metrics.ts";
import { redact } from "./redact.ts";
import type { Telemetry } from "./service.ts";
import { parseTraceParent } from "./trace-context.ts";

/** A request under way. */
export interface Incoming {
  /** In which its handler has to run, so that what it does belongs to the request's span. */
  readonly context: Context;
  /** The route's template, or how it is found out at the end. */
  route?: string | (() => string | undefined) | undefined;
  /** What the handler threw. */
  error?: unknown;
}

/** Probes and scrapes are not the service's work: they would drown it in the counts. */
const operations = new Set(["/metrics", "/healthz", "/readyz"]);
const clientLeft = 499;
const mostTemplates = 1_000;

export type Receive = (request: IncomingMessage, response: ServerResponse) => Incoming;

/** Begins to observe a request; a second call for the same one returns the first one's. */
export function receiver(telemetry: Telemetry): Receive {
  const { metrics, tracer, reports } = telemetry;
  const requests = metrics.counter("http_requests_total");
  const durations = metrics.histogram("http_request_duration_seconds");
  const aborted = metrics.counter("http_requests_aborted_total");
  const receivedBytes = metrics.counter("http_request_body_bytes_total");
  const sentBytes = metrics.counter("http_response_body_bytes_total");
  // On the request itself: a WeakMap with an entry for each request keeps the collector busy.
  const known = Symbol("incoming");
  type Known = IncomingMessage & { [known]?: Incoming };
  const connections = connectionsOf(telemetry);
  const shown = createShown();
  let inFlight = 0;
  metrics.source(() => [{ metric: "http_requests_in_flight", labels: {}, value: inFlight }]);

  return (request: Known, response) => {
    const before = request[known];
    if (before !== undefined) return before;
    connections.add(request.socket);
    if (operations.has((request.url ?? "").split("?", 1)[0] ?? "")) {
      const unobserved: Incoming = { context: context.active() };
      request[known] = unobserved;
      return unobserved;
    }
    const began = performance.now();
    const method = oneOf(httpMethods, request.method);
    const parent = parseTraceParent(request.headers.traceparent);
    const outer = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
    const span = tracer.startSpan("request", { kind: SpanKind.SERVER }, outer);
    const incoming: Incoming = { context: trace.setSpan(outer, span) };
    request[known] = incoming;
    inFlight++;
    response.once("close", () => {
      inFlight--;
      const left = !response.writableFinished;
      const status = left ? clientLeft : response.statusCode;
      const template = typeof incoming.route === "function" ? incoming.route() : incoming.route;
      const route = shown(template ?? "unmatched");
      const traceId = span.isRecording() ? span.spanContext().traceId : undefined;
      const labels = { method, route, status_code: String(status) };
      requests.inc(labels);
      durations.observe(labels, (performance.now() - began) / 1_000, traceId);
      if (left) aborted.inc({});
      const received = lengthOf(request.headers["content-length"]);
      if (received > 0) receivedBytes.inc({}, received);
      sentBytes.inc({}, lengthOf(response.getHeader("content-length")));
      const about = {
        "http.request.method": method === "other" ? "_OTHER" : method,
        "http.route": route,
        "http.response.status_code": status,
      } as const;
      span.setAttributes(about);
      if (status >= 500) {
        span.setStatus({ code: SpanStatusCode.ERROR });
        if (incoming.error !== undefined) {
          span.setAttributes(redact(typeOf(incoming.error)));
          const ids = traceId === undefined ? {} : { trace_id: traceId, span_id: span.spanContext().spanId };
          reports.report(incoming.error, { ...about, ...ids });
        }
      }
      span.end();
    });
    return incoming;
  };
}

/** A template as it may be shown; there are as many as there are routes. */
function createShown(): (template: string) => string {
  const known = new Map<string, string>();
  return (template) => {
    const found = known.get(template);
    if (found !== undefined) return found;
    const made = String(redact({ "http.route": template })["http.route"] ?? "other");
    if (known.size < mostTemplates) known.set(template, made);
    return made;
  };
}

/** Whether a path is one of those that a template such as `/orders/:id` stands for. */
export function matchesTemplate(template: string, path: string): boolean {
  const [wanted, given] = [template.split("/"), path.split("/")];
  return wanted.length === given.length && wanted.every((part, at) => part.startsWith(":") || part === given[at]);
}

function connectionsOf({ metrics }: Telemetry): { add(socket: Socket): void } {
  const open = new Set<Socket>();
  metrics.source(() => [{ metric: "active_connections", labels: {}, value: open.size }]);
  return {
    add: (socket) => {
      if (open.has(socket)) return;
      open.add(socket);
      socket.once("close", () => open.delete(socket));
    },
  };
}

/** What a header declares, or 0: a length is a whole number and nothing else. */
const lengthOf = (header: unknown): number => (/^\d{1,15}$/.test(`${header}`) ? Number(header) : 0);
