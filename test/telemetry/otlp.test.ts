// Spans as OTLP's protobuf: each says its own attributes, also when others have said some of them before.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-node";
import { expect, it } from "vitest";
import { headOf, Item } from "../../telemetry/otlp.ts";
import { readExport, type Span } from "./trace-service.ts";

const [traceId, spanId] = ["0123456789abcdef".repeat(2), "fedcba9876543210"];

const spanOf = (about: Partial<ReadableSpan> = {}) =>
  ({
    spanContext: () => ({ traceId, spanId, traceFlags: 1 }),
    name: "request",
    kind: SpanKind.SERVER,
    startTime: [1, 5],
    endTime: [2, 0],
    status: { code: SpanStatusCode.UNSET },
    links: [],
    attributes: {},
    ...about,
  }) as ReadableSpan;

/** As one export, each of exactly as many bytes as it says. */
function written(spans: readonly ReadableSpan[], names: readonly string[] = []): readonly Span[] {
  const items = spans.map((span) => {
    const item = new Item(span, names);
    const around = Buffer.alloc(item.bytes + 20, "x");
    item.writeTo(around, 10);
    expect(around.toString("latin1", 0, 10) + around.toString("latin1", 10 + item.bytes)).toBe("x".repeat(20));
    return around.subarray(10, 10 + item.bytes);
  });
  const bytes = items.reduce((sum, { length }) => sum + length, 0);
  const { resource, scope, spans: read } = readExport(Buffer.concat([headOf("lab")(bytes), ...items]));
  expect({ resource, scope }).toEqual({ resource: { "service.name": "lab" }, scope: "vitals" });
  return read;
}

it("writes what each span says, however often and whatever others said, and beyond what is remembered", () => {
  const said = Array.from({ length: 3_000 }, (_, index) => ({
    "http.response.status_code": index % 1_500,
    "http.route": index % 2 === 0 ? "/orders/:id" : "/patients/:id",
    "http.request.method": "GET",
    up: index % 3 === 0,
    duration_ms: index / 8 - 100,
  }));
  const read = written(
    said.map((attributes) =>
      spanOf({ attributes: { ...attributes, "http.url": "/patients/7", cause: "Ada Lovelace" } }),
    ),
  );
  expect(read).toEqual(
    said.map((attributes) => ({
      traceId,
      spanId,
      kind: 2,
      startTimeUnixNano: "1000000005",
      endTimeUnixNano: "2000000000",
      status: { code: 0 },
      name: `GET ${attributes["http.route"]}`,
      attributes,
    })),
  );
});

it("says how long each span and the whole is, at each length at which that takes a byte more", () => {
  const names = [0, 16_000, 2 ** 21 - 1_000].flatMap((from) =>
    Array.from({ length: from < 20_000 ? 600 : 2 }, (_, index) =>
      "x".repeat(from + index * (from < 20_000 ? 1 : 1_000)),
    ),
  );
  for (const name of names) expect(written([spanOf({ name })], [name])[0]?.name).toBe(name);
  for (const count of [511, 512, 4_096])
    expect(written(Array.from({ length: count }, () => spanOf()))).toHaveLength(count);
});

it("knows a span's parent, that it failed, and its name when the service has declared it", () => {
  const parentSpanContext = { traceId, spanId: "00000000000000aF", traceFlags: 1 };
  const [own, child] = written(
    [
      spanOf({ status: { code: SpanStatusCode.ERROR, message: "Ada Lovelace" } }),
      spanOf({ name: "Ada Lovelace", parentSpanContext, kind: SpanKind.INTERNAL }),
    ],
    ["request", "caf\u00e9"],
  );
  expect(own).toMatchObject({ name: "request", status: { code: 2 }, kind: 2 });
  expect(own).not.toHaveProperty("parentSpanId");
  expect(child).toMatchObject({ name: "other", parentSpanId: "00000000000000af", kind: 1 });
  expect(written([spanOf({ name: "caf\u00e9" })], ["caf\u00e9"])).toMatchObject([{ name: "caf\u00e9" }]);
});

it("takes no name from what may not pass, and no name of its own from a service that may not have it", () => {
  const ada = "Ada Lovelace";
  const given: readonly (readonly [ReadableSpan["attributes"], SpanKind])[] = [
    [{ "http.request.method": ada }, SpanKind.SERVER],
    [{ "http.request.method": "GET", "http.route": "/patients/7", "peer.service": "lab" }, SpanKind.SERVER],
    [{ "http.request.method": "GET", "http.route": "/patients", "peer.service": ada }, SpanKind.CLIENT],
    [{ "http.request.method": "GET", "http.route": "/patients", "peer.service": "lab" }, SpanKind.INTERNAL],
    [{ "db.system.name": ada }, SpanKind.CLIENT],
    [{ "db.system.name": "redis", "db.operation.name": ada }, SpanKind.CLIENT],
    [Object.create({ "http.request.method": "GET" }), SpanKind.SERVER],
  ];
  const read = written(given.map(([attributes, kind]) => spanOf({ name: ada, attributes, kind })));
  expect(read.map(({ name }) => name)).toEqual([
    "other",
    "GET other",
    "GET other",
    "GET lab",
    "other",
    "redis other",
    "other",
  ]);
  expect(JSON.stringify(read)).not.toContain("Ada");
  expect(headOf(ada)(0).toString("latin1")).not.toContain("Ada");
});

it("can be read whatever kind and status a service without types gives, of which only those that there are pass", () => {
  const odd = [-2, -1, 5, 126, 127, 128, 500, Number.NaN, "ERROR", undefined] as unknown as readonly SpanStatusCode[];
  const read = written(odd.map((code) => spanOf({ kind: code as unknown as SpanKind, status: { code } })));
  expect(read.map(({ kind, status }) => [kind, status.code])).toEqual(odd.map(() => [0, 0]));
  const known = written([0, 1, 2, 3, 4].map((kind) => spanOf({ kind, status: { code: SpanStatusCode.OK } })));
  expect(known.map(({ kind, status }) => [kind, status.code])).toEqual([1, 2, 3, 4, 5].map((kind) => [kind, 1]));
});

it("keeps little of what it remembers, whatever else the process has made meanwhile", () => {
  const { arrayBuffers: before } = process.memoryUsage();
  const kept: Buffer[] = [];
  for (let index = 0; index < 1_000; index++) {
    written([spanOf({ attributes: { attempts: index + 0.5, problems: index, targets: index, port: index } })]);
    for (let other = 0; other < 20; other++) kept[other] = Buffer.from("x".repeat(4_000));
  }
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 2 ** 20);
});

it("writes numbers of any size and sign as they are", () => {
  const numbers = [
    0,
    -1,
    127,
    128,
    300,
    -300,
    2 ** 31,
    -(2 ** 31),
    2 ** 53 - 1,
    1 - 2 ** 53,
    2 ** 60,
    1e300,
    0.1,
    -0.5,
  ];
  const read = written(numbers.map((duration_ms) => spanOf({ attributes: { duration_ms } })));
  expect(read.map(({ attributes }) => attributes["duration_ms"])).toEqual(numbers);
});

it("takes links to valid contexts alone, and makes any time one that can be read", () => {
  const valid = { traceId: "a".repeat(32), spanId: "b".repeat(16), traceFlags: 1 };
  const links = [{ context: { ...valid, traceId: 'Ada Lovelace"' } }, { context: valid }];
  const [linked] = written([spanOf({ links } as unknown as Partial<ReadableSpan>)]);
  expect(linked?.links).toEqual([{ traceId: valid.traceId, spanId: valid.spanId }]);
  const times = (startTime: [number, number], endTime: [number, number]) => {
    const [span] = written([spanOf({ startTime, endTime })]);
    return [span?.startTimeUnixNano, span?.endTimeUnixNano];
  };
  expect(times([1_764_384_000, 123_456_789], [1_764_384_001, 0.9])).toEqual([
    "1764384000123456789",
    "1764384001000000000",
  ]);
  expect(times([-5, 0], [7, -1])).toEqual(["0", "6999999999"]);
  expect(times([Number.NaN, 3], [Number.POSITIVE_INFINITY, 1.5e9])).toEqual(["3", "1500000000"]);
  expect(times([Number.NEGATIVE_INFINITY, -3], [1e300, 1e21])).toEqual(["0", expect.stringMatching(/^\d+$/)]);
});
