// Traces: OpenTelemetry's SDK with an export that drops and counts rather than blocks. The SDK is loaded only when this starts.
import { context, propagation, type Span, type Tracer, trace } from "@opentelemetry/api";
import type { Sampler, SpanProcessor } from "@opentelemetry/sdk-trace-node";
import type { tracing as rows } from "./catalogue/tracing.ts";
import { idGenerator } from "./ids.ts";
import type { Metrics } from "./metrics.ts";
import { headOf, Item } from "./otlp.ts";
import { post } from "./post.ts";
import { createQueue } from "./queue.ts";
import { createSlab } from "./slab.ts";
import { propagator } from "./trace-context.ts";
import { sampled } from "./unrecorded.ts";

export interface TracingOptions {
  /** Base URL of an OTLP/HTTP receiver, such as `http://jaeger:4318`. */
  readonly endpoint: string;
  /** Share of traces that begin here and are recorded at all, 0 to 1; default 1. Below 1 it loses errors and slow requests, too. */
  readonly headRatio?: number;
  /**
   * Whether what callers say of recording a trace is followed; default true. Who is called from outside decides himself: else a
   * stranger's `traceparent` hides errors, or has everything recorded. The trace goes on under the caller's id either way.
   */
  readonly followCallers?: boolean;
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
  { endpoint, headRatio = 1, followCallers = true, spans = [] }: TracingOptions,
  metrics: Metrics<typeof rows>,
): Promise<Tracing> {
  const { AlwaysOnSampler, NodeTracerProvider, ParentBasedSampler, TraceIdRatioBasedSampler } = await import(
    "@opentelemetry/sdk-trace-node"
  );
  const processor = exportTo(new URL("/v1/traces", endpoint), { service, spans }, metrics);
  // Our own tracer has chosen before it asks; whoever uses the library's interface has not.
  let chosen = headRatio === 1;
  const [every, share] = [new AlwaysOnSampler(), new TraceIdRatioBasedSampler(headRatio)];
  const root: Sampler = {
    shouldSample: (within, traceId) => (chosen ? every.shouldSample() : share.shouldSample(within, traceId)),
    toString: () => `${share}`,
  };
  const provider = new NodeTracerProvider({
    sampler: new ParentBasedSampler(
      followCallers ? { root } : { root, remoteParentSampled: root, remoteParentNotSampled: root },
    ),
    spanProcessors: [processor],
    idGenerator,
    // What a request can make a span hold is bounded.
    spanLimits: { attributeCountLimit: 32, attributeValueLengthLimit: 256, eventCountLimit: 1, linkCountLimit: 16 },
  });
  provider.register({ propagator });
  const all = provider.getTracer("vitals");
  const choose = (begin: () => Span): Span => {
    chosen = true;
    const span = begin();
    chosen = false;
    return span;
  };
  return {
    tracer: headRatio === 1 ? all : sampled(all, headRatio, choose),
    flush: () => provider.forceFlush(),
    close: async () => {
      await provider.shutdown();
      for (const api of [trace, context, propagation]) api.disable();
    },
  };
}

function exportTo(
  url: URL,
  { service, spans }: { readonly service: string; readonly spans: readonly string[] },
  metrics: Metrics<typeof rows>,
): SpanProcessor {
  const ended = metrics.counter("trace_spans_ended_total");
  const exported = metrics.counter("trace_spans_exported_total");
  const dropped = metrics.counter("trace_spans_dropped_total");
  const exports = metrics.counter("trace_exports_total");
  const failures = metrics.counter("trace_export_failures_total");
  const headFor = headOf(service);
  const slab = createSlab();
  // What waits in it is how many bytes each span takes in the slab.
  const queue = createQueue<number>({
    most: mostSpans,
    batch: batchSpans,
    everyMs,
    send: async (lengths) => {
      const bytes = lengths.reduce((sum, length) => sum + length, 0);
      const body = [headFor(bytes), ...slab.first(bytes)];
      const outcome = await post(url, { "content-type": "application/x-protobuf" }, body);
      if (outcome !== "away") slab.release(bytes);
      return outcome;
    },
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
      queue.add(() => {
        const item = new Item(span, spans);
        slab.append(item.bytes, (buffer, from) => item.writeTo(buffer, from));
        return item.bytes;
      });
    },
    forceFlush: queue.flush,
    shutdown: queue.close,
  };
}
