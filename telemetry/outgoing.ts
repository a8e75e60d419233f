// Requests that a service sends, by node:http or fetch: a span, metrics, and the trace's ids for upstreams. Nothing is patched: Node tells on its diagnostics channels.
import type { ClientRequest, IncomingMessage } from "node:http";
import { type Span, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { httpMethods } from "./catalogue/http.ts";
import { watchChannels } from "./channels.ts";
import { typeOf } from "./failure.ts";
import { oneOf } from "./metrics.ts";
import { isQuiet } from "./post.ts";
import { redact } from "./redact.ts";
import type { Telemetry } from "./service.ts";
import { traceHeaders } from "./trace-context.ts";

/** Name -> base URL. Only these get the trace's ids; what goes anywhere else is counted as `other`. */
export type Upstreams = Readonly<Record<string, string>>;

interface Undici {
  readonly origin: string | URL;
  readonly method: string;
  addHeader(name: string, value: string): void;
}

interface Call {
  answered(status: number): void;
  failed(error: unknown): void;
}

/** Watches until the returned function is called. */
export function watchOutgoing(telemetry: Telemetry, upstreams: Upstreams): () => void {
  const begin = caller(telemetry, upstreams);
  const calls = new WeakMap<object, Call>();
  return watchChannels({
    "http.client.request.created": ({ request }: { request: ClientRequest }) => {
      if (isQuiet()) return;
      const origin = `${request.protocol}//${request.getHeader("host") ?? request.host}`;
      const call = begin(origin, request.method, (name, value) => {
        if (!request.headersSent) request.setHeader(name, value);
      });
      calls.set(request, call);
      // Whoever gives a request up may do so without an error.
      request.once("close", () => call.failed({ code: "ECONNABORTED" }));
    },
    "http.client.response.finish": ({ request, response }: { request: ClientRequest; response: IncomingMessage }) =>
      calls.get(request)?.answered(response.statusCode ?? 0),
    "http.client.request.error": ({ request, error }: { request: ClientRequest; error: unknown }) =>
      calls.get(request)?.failed(error),
    "undici:request:create": ({ request }: { request: Undici }) => {
      calls.set(
        request,
        begin(String(request.origin), request.method, (name, value) => request.addHeader(name, value)),
      );
    },
    "undici:request:headers": ({ request, response }: { request: Undici; response: { readonly statusCode: number } }) =>
      calls.get(request)?.answered(response.statusCode),
    "undici:request:error": ({ request, error }: { request: Undici; error: unknown }) =>
      calls.get(request)?.failed(error),
  });
}

type Begin = (origin: string, method: string, setHeader: (name: string, value: string) => void) => Call;

function caller({ metrics, tracer }: Telemetry, upstreams: Upstreams): Begin {
  const requests = metrics.counter("upstream_requests_total");
  const failures = metrics.counter("upstream_request_failures_total");
  const durations = metrics.histogram("upstream_request_duration_seconds");
  const names = new Map(Object.entries(upstreams).map(([name, url]) => [new URL(url).origin, name]));
  const open = new Map<string, number>([...names.values(), "other"].map((name) => [name, 0]));
  const count = (upstream: string, by: number) => open.set(upstream, (open.get(upstream) ?? 0) + by);
  for (const upstream of open.keys()) failures.inc({ upstream }, 0);
  metrics.source(() =>
    [...open].map(([upstream, value]) => ({ metric: "upstream_requests_in_flight", labels: { upstream }, value })),
  );

  return (origin, given, setHeader) => {
    const upstream = names.get(origin) ?? names.get(URL.parse(origin)?.origin ?? "") ?? "other";
    const method = oneOf(httpMethods, given);
    const began = performance.now();
    const span = tracer.startSpan("call", {
      kind: SpanKind.CLIENT,
      attributes: { "http.request.method": method === "other" ? "_OTHER" : method, "peer.service": upstream },
    });
    count(upstream, 1);
    if (upstream !== "other" && span.spanContext().traceId !== noTrace)
      for (const [name, value] of Object.entries(traceHeaders(span.spanContext()))) setHeader(name, value);
    let over = false;
    const end = (finish: (span: Span) => void): void => {
      if (over) return;
      over = true;
      count(upstream, -1);
      finish(span);
      span.end();
      const traceId =
        span.isRecording() || span.spanContext().traceFlags === 1 ? span.spanContext().traceId : undefined;
      durations.observe({ upstream }, (performance.now() - began) / 1_000, traceId);
    };
    return {
      answered: (status) =>
        end(() => {
          requests.inc({ upstream, method, status_code: String(status) });
          span.setAttribute("http.response.status_code", status);
          if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
        }),
      failed: (error) =>
        end(() => {
          // Whoever asked wants it no more, which the other side is not to blame for.
          if (Object(error).name === "AbortError") return;
          failures.inc({ upstream });
          span.setAttributes(redact(typeOf(error)));
          span.setStatus({ code: SpanStatusCode.ERROR });
        }),
    };
  };
}

const noTrace = "0".repeat(32);
