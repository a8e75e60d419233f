// Spans as OTLP/JSON, of allowed attributes alone: names are made of them, and no event, message or resource passes as it is.
import { type HrTime, isSpanContextValid, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-node";
import { type AttributeName, attributes as allowed, mayPass } from "./redact.ts";

/** What stands before and behind the spans of one export, each of them as `itemOf` writes it but for the first's comma. */
export function aroundSpans(service: string): { readonly begin: Buffer; readonly end: Buffer } {
  const resource = `{"attributes":[${written("service.name", service) ?? ""}]}`;
  const begin = `{"resourceSpans":[{"resource":${resource},"scopeSpans":[{"scope":{"name":"vitals"},"spans":[`;
  return { begin: Buffer.from(begin), end: Buffer.from("]}]}]}") };
}

/**
 * A span as an item of a JSON list, its comma in front, which is what waits for its export: a span itself holds on to much. Names of
 * spans that the service makes itself are `names`; any other is `other`. Written piece by piece: it runs in the requests that are
 * recorded, and an object made for JSON.stringify takes twice as long.
 */
export function itemOf(span: ReadableSpan, names: readonly string[]): string {
  const { traceId, spanId } = span.spanContext();
  const parent = span.parentSpanContext?.spanId;
  const place = `${ids(traceId, spanId)}${parent === undefined ? "" : `,"parentSpanId":"${parent}"`}`;
  const called = `"name":${JSON.stringify(nameOf(span, names))},"kind":${span.kind + 1}`;
  const times = `"startTimeUnixNano":"${nanoseconds(span.startTime)}","endTimeUnixNano":"${nanoseconds(span.endTime)}"`;
  const about = `"attributes":[${keyValues(span.attributes)}]`;
  const { code } = span.status;
  const status = code === SpanStatusCode.UNSET ? "" : `,"status":{"code":${code}}`;
  const valid = span.links.filter(({ context }) => isSpanContextValid(context));
  const links = valid.map(({ context }) => `{${ids(context.traceId, context.spanId)}}`);
  const linked = links.length === 0 ? "" : `,"links":[${links.join(",")}]`;
  return `,{${place},${called},${times},${about}${status}${linked}}`;
}

/** Hexadecimal digits of a valid context, which JSON has nothing to escape of. */
const ids = (traceId: string, spanId: string): string => `"traceId":"${traceId}","spanId":"${spanId}"`;

/** What a span is called; the name that it was given counts only when the service has declared it. */
function nameOf({ kind, name, attributes }: ReadableSpan, names: readonly string[]): string {
  const of = (key: AttributeName) => {
    const value = Object.hasOwn(attributes, key) ? attributes[key] : undefined;
    return written(key, value) === undefined ? undefined : (value as string);
  };
  const method = of("http.request.method");
  if (method !== undefined)
    return `${method} ${(kind === SpanKind.SERVER ? of("http.route") : of("peer.service")) ?? "other"}`;
  const system = of("db.system.name");
  if (system !== undefined) return `${system} ${of("db.operation.name") ?? "other"}`;
  return names.includes(name) ? name : "other";
}

/** Seconds and the rest side by side: as one number they are more than a double holds. Whoever gives a time of his own gives any. */
function nanoseconds([seconds, rest]: HrTime): string {
  const carried = Math.floor(rest / 1e9);
  const whole = Math.floor(rest - carried * 1e9);
  return `${Math.max(0, Math.floor(seconds + carried))}${String(whole).padStart(9, "0")}`;
}

/** A list of attributes without its brackets. */
function keyValues(attributes: ReadableSpan["attributes"]): string {
  let text = "";
  for (const key of Object.keys(attributes)) {
    const one = written(key, attributes[key]);
    if (one !== undefined) text += text === "" ? one : `,${one}`;
  }
  return text;
}

/** Of each attribute, the first values that passed, as they were written: most come again and again. */
const before = new Map(Object.keys(allowed).map((key) => [key, new Map<unknown, string>()]));
const mostRemembered = 1_000;

/** An attribute as JSON; undefined when it may not pass. Its name is one of our list. */
function written(key: string, value: unknown): string | undefined {
  const known = before.get(key);
  const found = known?.get(value);
  if (found !== undefined || known === undefined || !mayPass(key, value)) return found;
  const text = `{"key":"${key}","value":${anyValue(value)}}`;
  if (known.size < mostRemembered) known.set(value, text);
  return text;
}

function anyValue(value: string | number | boolean): string {
  if (typeof value === "boolean") return `{"boolValue":${value}}`;
  if (typeof value !== "number") return `{"stringValue":${JSON.stringify(value)}}`;
  return Number.isInteger(value) ? `{"intValue":"${value}"}` : `{"doubleValue":${value}}`;
}
