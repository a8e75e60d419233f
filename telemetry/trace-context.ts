// W3C trace context over HTTP: `traceparent` in and out. `tracestate` and baggage are texts of others and go no further.
import {
  type Context,
  isSpanContextValid,
  type SpanContext,
  type TextMapPropagator,
  TraceFlags,
  trace,
} from "@opentelemetry/api";

const pattern = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/** Undefined when it is none. */
export function parseTraceParent(header: unknown): SpanContext | undefined {
  const [, traceId, spanId, flags] = (typeof header === "string" && pattern.exec(header)) || [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  const parsed = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
  return isSpanContextValid(parsed) ? parsed : undefined;
}

/** What an upstream gets; the plain ids are for those that know nothing of W3C. */
export function traceHeaders({ traceId, spanId, traceFlags }: SpanContext): Readonly<Record<string, string>> {
  const flags = traceFlags & TraceFlags.SAMPLED ? "01" : "00";
  return { traceparent: `00-${traceId}-${spanId}-${flags}`, "x-trace-id": traceId, "x-span-id": spanId };
}

/** For code that propagates by OpenTelemetry's own interface. */
export const propagator: TextMapPropagator = {
  inject: (context, carrier, { set }) => {
    const span = trace.getSpanContext(context);
    if (span !== undefined) set(carrier, "traceparent", traceHeaders(span).traceparent ?? "");
  },
  extract: (context, carrier, { get }): Context => {
    const parent = parseTraceParent([get(carrier, "traceparent")].flat()[0]);
    return parent === undefined ? context : trace.setSpanContext(context, parent);
  },
  fields: () => ["traceparent"],
};
