// Spans as OTLP/JSON, of allowed attributes alone: names are made of them, and no event, message or resource passes as it is.
import { type HrTime, type Attributes as SpanAttributes, SpanKind } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-node";
import { type AttributeName, redact } from "./redact.ts";

export interface OtlpOptions {
  readonly service: string;
  /** Names of spans that the service makes itself; any other name is `other`. */
  readonly spans: readonly string[];
}

/** The body of one export. */
export function toOtlp(spans: readonly ReadableSpan[], options: OtlpOptions): string {
  const resource = { attributes: keyValues(redact({ "service.name": options.service })) };
  const scopeSpans = [{ scope: { name: "vitals" }, spans: spans.map((span) => toSpan(span, options.spans)) }];
  return JSON.stringify({ resourceSpans: [{ resource, scopeSpans }] });
}

function toSpan(span: ReadableSpan, names: readonly string[]): object {
  const { traceId, spanId } = span.spanContext();
  const attributes = redact(span.attributes);
  const parent = span.parentSpanContext?.spanId;
  return {
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
  };
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

const nanoseconds = ([seconds, rest]: HrTime): string => `${BigInt(seconds) * 1_000_000_000n + BigInt(rest)}`;

const keyValues = (attributes: SpanAttributes): readonly object[] =>
  Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));

function anyValue(value: unknown): object {
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value !== "number") return { stringValue: value };
  return Number.isInteger(value) ? { intValue: `${value}` } : { doubleValue: value };
}
