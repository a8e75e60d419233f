// Traces: OpenTelemetry's SDK with an export that drops and counts rather than blocks. The SDK is loaded only when this starts.
import { context, propagation, type Tracer, trace } from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-node";
import type { tracing as rows } from "./catalogue/tracing.ts";
import type { Metrics } from "./metrics.ts";
import { toOtlp } from "./otlp.ts";
import { post } from "./post.ts";
import { createQueue } from "./queue.ts";
import { propagator } from "./trace-context.ts";

export interface TracingOptions {
  /** Base URL of an OTLP/HTTP receiver, such as `http://jaeger:4318`. */
  readonly endpoint: string;
  /** Share of traces that begin here and are recorded at all, 0 to 1; default 1. Below 1 it loses errors and slow requests, too. */
  readonly headRatio?: number;
  /** Names of the spans that the service makes itself. */
  readonly spans?: readonly string[];
}

export interface Tracing {
  readonly tracer: Tracer;
  flush(): Promise<void>;
  close(): Promise<void>;
}

const [mostSpans, batchSpans, everyMs] = [4_096, 512, 1_000];

/** A tracer of a process that exports nothing. */
export const noTracing = (): Tracing => ({
  tracer: trace.getTracer("vitals"),
  flush: async () => {},
  close: async () => {},
});

export async function startTracing(
  service: string,
  { endpoint, headRatio = 1, spans = [] }: TracingOptions,
  metrics: Metrics<typeof rows>,
): Promise<Tracing> {
  const { AlwaysOnSampler, NodeTracerProvider, ParentBasedSampler, TraceIdRatioBasedSampler } = await import(
    "@opentelemetry/sdk-trace-node"
  );
  const processor = exportTo(new URL("/v1/traces", endpoint), { service, spans }, metrics);
  const root = headRatio < 1 ? new TraceIdRatioBasedSampler(headRatio) : new AlwaysOnSampler();
  const provider = new NodeTracerProvider({
    sampler: new ParentBasedSampler({ root }),
    spanProcessors: [processor],
    // What a request can make a span hold is bounded.
    spanLimits: { attributeCountLimit: 32, attributeValueLengthLimit: 256, eventCountLimit: 1, linkCountLimit: 16 },
  });
  provider.register({ propagator });
  return {
    tracer: provider.getTracer("vitals"),
    flush: () => provider.forceFlush(),
    close: async () => {
      await provider.shutdown();
      for (const api of [trace, context, propagation]) api.disable();
    },
  };
}

function exportTo(url: URL, options: Parameters<typeof toOtlp>[1], metrics: Metrics<typeof rows>): SpanProcessor {
  const ended = metrics.counter("trace_spans_ended_total");
  const exported = metrics.counter("trace_spans_exported_total");
  const dropped = metrics.counter("trace_spans_dropped_total");
  const exports = metrics.counter("trace_exports_total");
  const failures = metrics.counter("trace_export_failures_total");
  const queue = createQueue<ReadableSpan>({
    most: mostSpans,
    batch: batchSpans,
    everyMs,
    send: (some) => post(url, { "content-type": "application/json" }, toOtlp(some, options)),
    ended: (outcome, count) => {
      exports.inc({});
      if (outcome === "sent") exported.inc({}, count);
      else failures.inc({});
    },
    dropped: (cause, count) => dropped.inc({ cause }, count),
  });
  metrics.start({});
  metrics.source(() => [{ metric: "trace_spans_queued", labels: {}, value: queue.waiting() }]);
  return {
    onStart: () => {},
    onEnd: (span) => {
      if ((span.spanContext().traceFlags & 1) === 0) return;
      ended.inc({});
      queue.add(span);
    },
    forceFlush: queue.flush,
    shutdown: queue.close,
  };
}
