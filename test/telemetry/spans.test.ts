// What becomes of a span when it has ended: its times, its counts, and that none is lost.
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createTelemetry } from "../../telemetry/service.ts";
import { startIngest } from "./ingest.ts";

describe("a span that has ended", () => {
  const start = async () => {
    const ingest = await startIngest();
    const telemetry = await createTelemetry({ service: "lab", traces: { endpoint: ingest.url }, write: () => {} });
    onTestFinished(async () => {
      vi.restoreAllMocks();
      await telemetry.close();
      await ingest.close();
    });
    const begin = () => telemetry.tracer.startSpan("request", { attributes: { up: true } });
    return { ingest, telemetry, begin };
  };

  type Times = { readonly startTimeUnixNano: string; readonly endTimeUnixNano: string };
  const tookMs = (span: unknown): number => {
    const { startTimeUnixNano, endTimeUnixNano } = span as Times;
    for (const time of [startTimeUnixNano, endTimeUnixNano]) expect(time).toMatch(/^\d{19}$/);
    return Number(BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)) / 1e6;
  };

  it("is written as it was when it ended", async () => {
    const { ingest, telemetry, begin } = await start();
    const span = begin();
    await sleep(10);
    span.end();
    span.setAttribute("up", false);
    await sleep(100);
    await telemetry.flush();
    expect(ingest.spans()).toHaveLength(1);
    expect(ingest.spans()[0]?.attributes).toEqual({ up: true });
    expect(tookMs(ingest.spans()[0])).toBeGreaterThanOrEqual(9);
    expect(tookMs(ingest.spans()[0])).toBeLessThan(100);
  });

  it("ends behind its start, also when the clock is set back meanwhile", async () => {
    const { ingest, telemetry, begin } = await start();
    const real = Date.now;
    for (let hour = 1; hour <= 20; hour++) {
      const span = begin();
      vi.spyOn(Date, "now").mockImplementation(() => real() - 3_600_500 * hour);
      await sleep(7);
      span.end();
    }
    await telemetry.flush();
    expect(ingest.spans()).toHaveLength(20);
    for (const span of ingest.spans()) {
      expect(tookMs(span)).toBeGreaterThan(6);
      expect(tookMs(span)).toBeLessThan(5_000);
    }
  });

  it("leaves nothing behind where the other side refuses it", async () => {
    const { ingest, telemetry, begin } = await start();
    ingest.answer = 400;
    begin().end();
    await telemetry.flush();
    ingest.answer = 200;
    const span = begin();
    span.end();
    await telemetry.flush();
    expect(ingest.spans().map(({ spanId }) => spanId)).toEqual([span.spanContext().spanId]);
  });

  it("is counted before anybody reads the counts", async () => {
    const { telemetry, begin } = await start();
    for (let span = 0; span < 3; span++) begin().end();
    const { body } = await telemetry.metrics.render();
    expect(body).toMatch(/^trace_spans_ended_total 3$/m);
    expect(body).toMatch(/^trace_spans_queued 3$/m);
  });

  it("is not lost by a flush or by the end of the process' telemetry", async () => {
    const { ingest, telemetry, begin } = await start();
    begin().end();
    await telemetry.flush();
    expect(ingest.spans()).toHaveLength(1);
    begin().end();
    begin().end();
    await telemetry.close();
    expect(ingest.spans()).toHaveLength(3);
  });
});

describe("traces that are not recorded", () => {
  it("have ids of their own, as W3C wants them, also when there are many", async () => {
    const ingest = await startIngest();
    const traces = { endpoint: ingest.url, headRatio: 0 };
    const telemetry = await createTelemetry({ service: "lab", traces, write: () => {} });
    onTestFinished(async () => {
      await telemetry.close();
      await ingest.close();
    });
    const ids = Array.from({ length: 2_000 }, () => telemetry.tracer.startSpan("request").spanContext());
    for (const { traceId, spanId, traceFlags } of ids) {
      expect(traceId).toMatch(/^[0-9a-f]{32}$/);
      expect(spanId).toMatch(/^[0-9a-f]{16}$/);
      expect(traceFlags).toBe(0);
    }
    expect(new Set(ids.map(({ traceId }) => traceId)).size).toBe(2_000);
    expect(new Set(ids.map(({ spanId }) => spanId)).size).toBe(2_000);
  });
});
