// Spans as OTLP/JSON: each says its own attributes, also when others have said some of them before.
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-node";
import { expect, it } from "vitest";
import { itemOf } from "../../telemetry/otlp.ts";

const written = (
  attributes: ReadableSpan["attributes"],
  code = SpanStatusCode.UNSET,
  more: Partial<Pick<ReadableSpan, "links" | "startTime" | "endTime">> = {},
) =>
  JSON.parse(
    itemOf(
      {
        spanContext: () => ({ traceId: "1".repeat(32), spanId: "2".repeat(16), traceFlags: 1 }),
        name: "request",
        kind: SpanKind.SERVER,
        startTime: [1, 5],
        endTime: [2, 0],
        status: { code },
        links: [],
        attributes,
        ...more,
      } as unknown as ReadableSpan,
      [],
    ).slice(1),
  );

it("writes what each span says, however often and whatever others said, and beyond what is remembered", () => {
  const said = Array.from({ length: 3_000 }, (_, index) => ({
    "http.response.status_code": index % 1_500,
    "http.route": index % 2 === 0 ? "/orders/:id" : "/patients/:id",
    "http.request.method": "GET",
    up: index % 3 === 0,
    duration_ms: index / 8,
  }));
  for (const attributes of said) {
    const { name, attributes: told } = written({ ...attributes, "http.url": "/patients/7", cause: "Ada Lovelace" });
    const [code, route, method, up, took] = told.map(
      ({ value }: { readonly value: object }) => Object.values(value)[0],
    );
    expect(told).toHaveLength(5);
    expect({
      "http.response.status_code": Number(code),
      "http.route": route,
      "http.request.method": method,
      up,
      duration_ms: Number(took),
    }).toEqual(attributes);
    expect(name).toBe(`GET ${attributes["http.route"]}`);
  }
});

it("leaves out what is as by default, and says that a span failed", () => {
  expect(written({})).not.toHaveProperty("status");
  expect(written({}, SpanStatusCode.ERROR).status).toEqual({ code: 2 });
});

it("takes links to valid contexts alone, and makes any time one that can be read", () => {
  const valid = { traceId: "a".repeat(32), spanId: "b".repeat(16), traceFlags: 1 };
  const links = [{ context: { ...valid, traceId: 'Ada Lovelace"' } }, { context: valid }];
  expect(written({}, SpanStatusCode.UNSET, { links }).links).toEqual([
    { traceId: valid.traceId, spanId: valid.spanId },
  ]);
  const times = written({}, SpanStatusCode.UNSET, { startTime: [-5, 0], endTime: [7, -1] });
  expect(times).toMatchObject({ startTimeUnixNano: "0000000000", endTimeUnixNano: "6999999999" });
});
