// Spans as OTLP's protobuf, of allowed attributes alone: names are made of them, and no event, message or resource passes as it is.
import { type HrTime, isSpanContextValid, type SpanContext, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-node";
import { type AttributeName, attributes as allowed, mayPass } from "./redact.ts";

// Tags as opentelemetry-proto 1 numbers its fields (trace.proto, common.proto), each with how its value is written.
const [varint, fixed64, bytes] = [0, 1, 2];
const tag = (field: number, wire: number): number => (field << 3) | wire;
const request = { resourceSpans: tag(1, bytes) };
const resourceSpans = { resource: tag(1, bytes), scopeSpans: tag(2, bytes) };
const scopeSpans = { scope: tag(1, bytes), spans: tag(2, bytes) };
const [resourceAttributes, scopeName] = [tag(1, bytes), tag(1, bytes)];
const span = {
  traceId: tag(1, bytes),
  spanId: tag(2, bytes),
  parentSpanId: tag(4, bytes),
  name: tag(5, bytes),
  kind: tag(6, varint),
  startTimeUnixNano: tag(7, fixed64),
  endTimeUnixNano: tag(8, fixed64),
  attributes: tag(9, bytes),
  links: tag(13, bytes),
  status: tag(15, bytes),
};
const link = { traceId: tag(1, bytes), spanId: tag(2, bytes) };
const keyValue = { key: tag(1, bytes), value: tag(2, bytes) };
const status = { code: tag(3, varint) };
const anyValue = { text: tag(1, bytes), flag: tag(2, varint), whole: tag(3, varint), double: tag(4, fixed64) };

/** What stands before so many bytes of spans, each of them as an `Item` writes it, to make them one export of a service. */
export function headOf(service: string): (spanBytes: number) => Buffer {
  const name = keyValueOf("service.name", service);
  const resource = field(resourceSpans.resource, name === undefined ? none : field(resourceAttributes, name));
  const scope = field(scopeSpans.scope, field(scopeName, Buffer.from("vitals")));
  return (spanBytes) => {
    const inner = [...begin(resourceSpans.scopeSpans, scope.length + spanBytes), ...scope];
    const rest = resource.length + inner.length + spanBytes;
    return Buffer.from([...begin(request.resourceSpans, rest), ...resource, ...inner]);
  };
}

const none = Uint8Array.of();
const ok = field(span.status, Uint8Array.of(status.code, SpanStatusCode.OK));
const failed = field(span.status, Uint8Array.of(status.code, SpanStatusCode.ERROR));

const [traceIdBytes, spanIdBytes] = [16, 8];
/** Ids, kind and times, each with its tag. */
const always = 2 + traceIdBytes + (2 + spanIdBytes) + 2 + 9 + 9;

/**
 * One span, to be written where it waits for its export: by itself it would hold on to much for as long. Names of spans that the service
 * makes itself are `names`; any other is `other`. Requests that are recorded wait for it, so what comes again and again is remembered
 * as bytes.
 */
export class Item {
  /** How many `writeTo` writes. */
  readonly bytes: number;
  private readonly span: ReadableSpan;
  /** Of all its fields. */
  private readonly length: number;
  private readonly parts: readonly Uint8Array[];

  constructor(one: ReadableSpan, names: readonly string[]) {
    const parts = [nameOf(one, names)];
    const { attributes, links } = one;
    for (const key of Object.keys(attributes)) {
      const part = attributeOf(key, attributes[key]);
      if (part !== undefined) parts.push(part);
    }
    for (const { context } of links) if (isSpanContextValid(context)) parts.push(linkTo(context));
    if (one.status.code === SpanStatusCode.OK) parts.push(ok);
    if (one.status.code === SpanStatusCode.ERROR) parts.push(failed);
    let length = always + (one.parentSpanContext === undefined ? 0 : 2 + spanIdBytes);
    for (const part of parts) length += part.length;
    this.span = one;
    this.length = length;
    this.parts = parts;
    this.bytes = 1 + varintBytes(length) + length;
  }

  writeTo(into: Buffer, from: number): void {
    const { kind, startTime, endTime, parentSpanContext: parent } = this.span;
    const { traceId, spanId } = this.span.spanContext();
    into[from] = scopeSpans.spans;
    let at = writeVarint(into, from + 1, this.length);
    at = writeId(into, at, span.traceId, traceId);
    at = writeId(into, at, span.spanId, spanId);
    if (parent !== undefined) at = writeId(into, at, span.parentSpanId, parent.spanId);
    into[at++] = span.kind;
    // Whoever calls the library without its types gives any.
    into[at++] = kind in SpanKind ? kind + 1 : 0;
    at = writeTime(into, at, span.startTimeUnixNano, startTime);
    at = writeTime(into, at, span.endTimeUnixNano, endTime);
    for (const part of this.parts) {
      into.set(part, at);
      at += part.length;
    }
  }
}

/** What a span is called, as its field; the name that it was given counts only when the service has declared it. */
function nameOf({ kind, name, attributes }: ReadableSpan, names: readonly string[]): Uint8Array {
  const of = (key: AttributeName) => {
    const value = Object.hasOwn(attributes, key) ? attributes[key] : undefined;
    return attributeOf(key, value) === undefined ? undefined : (value as string);
  };
  const method = of("http.request.method");
  if (method !== undefined)
    return named(`${method} ${(kind === SpanKind.SERVER ? of("http.route") : of("peer.service")) ?? "other"}`);
  const system = of("db.system.name");
  if (system !== undefined) return named(`${system} ${of("db.operation.name") ?? "other"}`);
  return named(names.includes(name) ? name : "other");
}

const mostRemembered = 1_000;

const namesBefore = new Map<string, Uint8Array>();

function named(name: string): Uint8Array {
  const found = namesBefore.get(name);
  if (found !== undefined) return found;
  const made = field(span.name, Buffer.from(name));
  if (namesBefore.size < mostRemembered) namesBefore.set(name, made);
  return made;
}

/** Of each attribute, the first values that passed, as they were written: most come again and again. */
const before = new Map(Object.keys(allowed).map((key) => [key, new Map<unknown, Uint8Array>()]));

/** An attribute as a span's field; undefined when it may not pass. */
function attributeOf(key: string, value: unknown): Uint8Array | undefined {
  const known = before.get(key);
  const found = known?.get(value);
  if (found !== undefined || known === undefined) return found;
  const pair = keyValueOf(key, value);
  if (pair === undefined) return undefined;
  const made = field(span.attributes, pair);
  if (known.size < mostRemembered) known.set(value, made);
  return made;
}

function keyValueOf(key: string, value: unknown): Uint8Array | undefined {
  if (!mayPass(key, value)) return undefined;
  return joined(field(keyValue.key, Buffer.from(key)), field(keyValue.value, anyValueOf(value)));
}

function anyValueOf(value: string | number | boolean): Uint8Array {
  if (typeof value === "string") return field(anyValue.text, Buffer.from(value));
  if (typeof value === "boolean") return Uint8Array.of(anyValue.flag, Number(value));
  // A varint of all 64 bits when it is negative.
  if (Number.isSafeInteger(value)) return Uint8Array.of(anyValue.whole, ...varintOf(BigInt.asUintN(64, BigInt(value))));
  const double = Buffer.alloc(9, anyValue.double);
  double.writeDoubleLE(value, 1);
  return double;
}

function linkTo({ traceId, spanId }: SpanContext): Uint8Array {
  const ids = Buffer.alloc(2 + traceIdBytes + 2 + spanIdBytes);
  writeId(ids, writeId(ids, 0, link.traceId, traceId), link.spanId, spanId);
  return field(span.links, ids);
}

function begin(tagged: number, length: number): Uint8Array {
  return Uint8Array.of(tagged, ...varintOf(BigInt(length)));
}

function field(tagged: number, content: Uint8Array): Uint8Array {
  return joined(begin(tagged, content.length), content);
}

/** In memory of its own: a Buffer may be a piece of some 64 KiB, all of which one that is remembered would keep. */
function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}

function varintOf(value: bigint): readonly number[] {
  return value < 0x80n ? [Number(value)] : [Number(value & 0x7fn) | 0x80, ...varintOf(value >> 7n)];
}

const varintBytes = (value: number): number => (value < 0x80 ? 1 : 1 + varintBytes(value >>> 7));

// Each of these returns where the next one goes on.

function writeVarint(into: Buffer, from: number, value: number): number {
  let [at, left] = [from, value];
  for (; left >= 0x80; left >>>= 7) into[at++] = (left & 0x7f) | 0x80;
  into[at] = left;
  return at + 1;
}

/** Of the hexadecimal digits of a valid context. */
function writeId(into: Buffer, from: number, tagged: number, id: string): number {
  into[from] = tagged;
  into[from + 1] = id.length / 2;
  return from + 2 + into.write(id, from + 2, "hex");
}

/** Nanoseconds as 64 bits, more than a double holds. Whoever gives a time of his own gives any, such as none. */
function writeTime(into: Buffer, from: number, tagged: number, [seconds, rest]: HrTime): number {
  const whole = (value: number): bigint => (Number.isFinite(value) ? BigInt(Math.floor(value)) : 0n);
  const nanoseconds = whole(seconds) * 1_000_000_000n + whole(rest);
  into[from] = tagged;
  into.writeBigUInt64LE(nanoseconds < 0n ? 0n : BigInt.asUintN(64, nanoseconds), from + 1);
  return from + 9;
}
