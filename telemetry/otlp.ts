// Spans as OTLP/JSON, of allowed attributes alone: names are made of them, and no event, message or resource passes as it is.
import { type HrTime, type Attributes as SpanAttributes, SpanKind } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-node";
import { type AttributeName, redact } from "./redact.ts";

/** The body of one export, of spans that are text already. */
export function toOtlp(service: string, spans: readonly string[]): string {
  const resource = JSON.stringify({ attributes: keyValues(redact({ "service.name": service })) });
  const scopeSpans = `[{"scope":{"name":"vitals"},"spans":[${spans.join(",")}]}]`;
  return `{"resourceSpans":[{"resource":${resource},"scopeSpans":${scopeSpans}}]}`;
}

/**
 * A span as JSON text, which is what waits for its export: a span itself holds on to much, and V8 copies all of it several times
 * before it is gone. Names of spans that the service makes itself are `names`; any other is `other`.
 */
export function textOf(span: ReadableSpan, names: readonly string[]): string {
  const { traceId, spanId } = span.spanContext();
  const attributes = redact(span.attributes);
  const parent = span.parentSpanContext?.spanId;
  return JSON.stringify({
    traceId,
    spanId,
    ...(parent === undefined ? {} : { parentSpanId: parent }),
    name: nameOf(span, attributes, names),
    kind: span.kind + 1,
    startTimeUnixNano: nanoseconds(span.startTime),
    endTimeUnixNano: nanoseconds(span.endTime),
    attributes: keyValues(attributes),
    status: { code: span.status.code },
    links: span.links.map(({ context }) => ({ traceId: context.traceId, spanId: context.spanId })),
  });
}

/** What a span is called; the name that it was given counts only when the service has declared it. */
function nameOf(span: ReadableSpan, attributes: ReturnType<typeof redact>, names: readonly string[]): string {
  const of = (name: AttributeName) => attributes[name] as string | undefined;
  const method = of("http.request.method");
  if (method !== undefined)
    return `${method} ${(span.kind === SpanKind.SERVER ? of("http.route") : of("peer.service")) ?? "other"}`;
  const system = of("db.system.name");
  if (system !== undefined) return `${system} ${of("db.operation.name") ?? "other"}`;
  return names.includes(span.name) ? span.name : "other";
}

/** Seconds and the rest side by side: as one number they are more than a double holds. */
const nanoseconds = ([seconds, rest]: HrTime): string => `${seconds}${String(rest).padStart(9, "0")}`;

const keyValues = (attributes: SpanAttributes): readonly object[] =>
  Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));

function anyValue(value: unknown): object {
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value !== "number") return { stringValue: value };
  return Number.isInteger(value) ? { intValue: `${value}` } : { doubleValue: value };
}
