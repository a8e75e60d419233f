// Spans as OTLP/JSON, of allowed attributes alone: names are made of them, and no event, message or resource passes as it is.
import { type HrTime, SpanKind } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-node";
import { type AttributeName, redact } from "./redact.ts";

const [comma, end] = [Buffer.from(","), Buffer.from("]}]}]}")];

/** The body of one export. */
export function toOtlp(service: string, spans: readonly Buffer[]): Buffer {
  const resource = `{"attributes":[${keyValues(redact({ "service.name": service }))}]}`;
  const begin = `{"resourceSpans":[{"resource":${resource},"scopeSpans":[{"scope":{"name":"vitals"},"spans":[`;
  const listed = spans.flatMap((span, index) => (index === 0 ? [span] : [comma, span]));
  return Buffer.concat([Buffer.from(begin), ...listed, end]);
}

/**
 * A span as JSON, which is what waits for its export: in bytes, outside of V8's heap, because a span itself holds on to much and a text
 * is made of pieces, and the collector copies all of it several times before it is gone. Names of spans that the service makes itself
 * are `names`; any other is `other`. Written piece by piece: it runs in the requests that are recorded, and an object made for
 * JSON.stringify takes twice as long.
 */
export function bytesOf(span: ReadableSpan, names: readonly string[]): Buffer {
  const { traceId, spanId } = span.spanContext();
  const attributes = redact(span.attributes);
  const parent = span.parentSpanContext?.spanId;
  const place = `${ids(traceId, spanId)}${parent === undefined ? "" : `,"parentSpanId":"${parent}"`}`;
  const called = `"name":${JSON.stringify(nameOf(span, attributes, names))},"kind":${span.kind + 1}`;
  const times = `"startTimeUnixNano":"${nanoseconds(span.startTime)}","endTimeUnixNano":"${nanoseconds(span.endTime)}"`;
  const about = `"attributes":[${keyValues(attributes)}],"status":{"code":${span.status.code}}`;
  const links = span.links.map(({ context }) => `{${ids(context.traceId, context.spanId)}}`);
  return Buffer.from(`{${place},${called},${times},${about},"links":[${links.join(",")}]}`);
}

/** Hexadecimal digits, which JSON has nothing to escape of. */
const ids = (traceId: string, spanId: string): string => `"traceId":"${traceId}","spanId":"${spanId}"`;

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

/** A list of attributes without its brackets; their names are those of our list. */
function keyValues(attributes: ReturnType<typeof redact>): string {
  let text = "";
  for (const key of Object.keys(attributes))
    text += `${text === "" ? "" : ","}{"key":"${key}","value":${anyValue(attributes[key] ?? "")}}`;
  return text;
}

function anyValue(value: string | number | boolean): string {
  if (typeof value === "boolean") return `{"boolValue":${value}}`;
  if (typeof value !== "number") return `{"stringValue":${JSON.stringify(value)}}`;
  return Number.isInteger(value) ? `{"intValue":"${value}"}` : `{"doubleValue":${value}}`;
}
