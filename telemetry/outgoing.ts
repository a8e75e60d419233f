// Requests that a service sends, by node:http or fetch: a span, metrics, and the trace's ids for upstreams. Nothing is patched: Node tells on its diagnostics channels.
import type { ClientRequest, IncomingMessage } from "node:http";
import { performance } from "node:perf_hooks";
import { INVALID_TRACEID, type Span, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { httpMethods } from "./catalogue/http.ts";
import { watchChannels } from "./channels.ts";
import { typeOf } from "./failure.ts";
import { oneOf } from "./metrics.ts";
import { type Method, perOutcome } from "./outcomes.ts";
import { isQuiet } from "./post.ts";
import { redact } from "./redact.ts";
import type { Telemetry } from "./service.ts";
import { traceHeaders } from "./trace-context.ts";

/** Name -> base URL. Only these get the trace's ids; what goes anywhere else is counted as `other`. */
export type Upstreams = Readonly<Record<string, string>>;

interface Undici {
  readonly origin: string | URL;
  readonly method: string;
  /** The protocol that the connection is to be handed over to. */
  readonly upgrade?: unknown;
  addHeader(name: string, value: string): void;
}

/** Watches until the returned function is called. */
export function watchOutgoing(telemetry: Telemetry, upstreams: Upstreams): () => void {
  const { begin, answered, failed } = caller(telemetry, upstreams);
  // On the request itself: a WeakMap with an entry for each request keeps the collector busy.
  const known = Symbol("call");
  type Known<T> = T & { [known]?: Call };
  type Http = { readonly request: Known<ClientRequest> };
  type Fetch = { readonly request: Known<Undici> };
  function closed(this: Known<ClientRequest> & { readonly res?: IncomingMessage | null }): void {
    // Of a connection that is handed over, such as a WebSocket's, no channel tells: its request has got its answer, and closes.
    if (this.res) answered(this[known], this.res.statusCode ?? 0);
    // Whoever gives a request up may do so without an error.
    else failed(this[known], { code: "ECONNABORTED" });
  }
  return watchChannels({
    "http.client.request.created": ({ request }: Http) => {
      if (isQuiet() || request[known] !== undefined) return;
      const call = begin(`${request.protocol}//${request.getHeader("host") ?? request.host}`, request.method);
      const headers = request.headersSent ? {} : headersOf(call);
      for (const name in headers) request.setHeader(name, headers[name] ?? "");
      request[known] = call;
      request.on("close", closed);
    },
    "http.client.response.finish": ({ request, response }: Http & { readonly response: IncomingMessage }) =>
      answered(request[known], response.statusCode ?? 0),
    "http.client.request.error": ({ request, error }: Http & { readonly error: unknown }) =>
      failed(request[known], error),
    "undici:request:create": ({ request }: Fetch) => {
      // Nothing tells of a connection that is handed over: it would be open for ever.
      if (request.method === "CONNECT" || request.upgrade) return;
      const call = begin(String(request.origin), request.method);
      const headers = headersOf(call);
      for (const name in headers) request.addHeader(name, headers[name] ?? "");
      request[known] = call;
    },
    "undici:request:headers": ({
      request,
      response,
    }: Fetch & { readonly response: { readonly statusCode: number } }) => {
      // It tells of interim answers, such as 103, as well.
      if (response.statusCode >= 200) answered(request[known], response.statusCode);
    },
    "undici:request:error": ({ request, error }: Fetch & { readonly error: unknown }) => failed(request[known], error),
  });
}

/** A request under way. */
interface Call {
  readonly upstream: Upstream;
  readonly method: Method;
  readonly began: number;
  readonly span: Span;
  over: boolean;
}

/** The series of one upstream. */
interface Upstream {
  readonly name: string;
  open: number;
  readonly requests: (method: Method, status: number) => { inc(): void };
  readonly failures: { inc(): void };
  readonly durations: { observe(seconds: number, traceId?: string): void };
}

interface Caller {
  begin(origin: string, method: string): Call;
  answered(call: Call | undefined, status: number): void;
  failed(call: Call | undefined, error: unknown): void;
}

function caller({ metrics, tracer }: Telemetry, urls: Upstreams): Caller {
  const requests = metrics.counter("upstream_requests_total");
  const failures = metrics.counter("upstream_request_failures_total");
  const durations = metrics.histogram("upstream_request_duration_seconds");
  const upstreamOf = (upstream: string): Upstream => {
    failures.inc({ upstream }, 0);
    return {
      name: upstream,
      open: 0,
      requests: perOutcome((method, status) => requests.with({ upstream, method, status_code: String(status) })),
      failures: failures.with({ upstream }),
      durations: durations.with({ upstream }),
    };
  };
  const named = Object.keys(urls)
    .filter((name) => name !== stranger)
    .map(upstreamOf);
  const other = upstreamOf(stranger);
  const byOrigin = new Map(named.map((upstream) => [new URL(urls[upstream.name] ?? "").origin, upstream]));
  metrics.source(() =>
    [...named, other].map(({ name, open }) => ({
      metric: "upstream_requests_in_flight",
      labels: { upstream: name },
      value: open,
    })),
  );

  /** False when it had ended before. */
  const end = (call: Call): boolean => {
    if (call.over) return false;
    call.over = true;
    call.upstream.open--;
    return true;
  };
  const finish = ({ upstream, began, span }: Call): void => {
    const traceId = span.isRecording() ? span.spanContext().traceId : undefined;
    upstream.durations.observe((performance.now() - began) / 1_000, traceId);
    span.end();
  };
  return {
    begin: (origin, given) => {
      const upstream = byOrigin.get(origin) ?? byOrigin.get(URL.parse(origin)?.origin ?? "") ?? other;
      const method = oneOf(httpMethods, given);
      const began = performance.now();
      const span = tracer.startSpan("call", {
        kind: SpanKind.CLIENT,
        attributes: { "http.request.method": method === "other" ? "_OTHER" : method, "peer.service": upstream.name },
      });
      upstream.open++;
      return { upstream, method, began, span, over: false };
    },
    answered: (call, status) => {
      if (call === undefined || !end(call)) return;
      call.upstream.requests(call.method, status).inc();
      call.span.setAttribute("http.response.status_code", status);
      if (status >= 500) call.span.setStatus({ code: SpanStatusCode.ERROR });
      finish(call);
    },
    failed: (call, error) => {
      if (call === undefined || !end(call)) return;
      const reason = reasonOf(error);
      // Whoever asked wants it no more, which the other side is not to blame for.
      if (Object(reason).name !== "AbortError") {
        call.upstream.failures.inc();
        call.span.setAttributes(redact(typeOf(reason)));
        call.span.setStatus({ code: SpanStatusCode.ERROR });
      }
      finish(call);
    },
  };
}

const stranger = "other";

/** Why a signal ended a call, such as a `TimeoutError`: fetch fails with that, node:http with an `AbortError` around it. */
function reasonOf(error: unknown): unknown {
  const { name, cause } = Object(error);
  return name === "AbortError" && cause !== undefined ? cause : error;
}

/** The trace's ids, for an upstream; nothing for anybody else, or where there is no trace. */
function headersOf({ upstream, span }: Call): Readonly<Record<string, string>> {
  const ids = upstream.name === stranger ? undefined : span.spanContext();
  return ids === undefined || ids.traceId === INVALID_TRACEID ? {} : traceHeaders(ids);
}
