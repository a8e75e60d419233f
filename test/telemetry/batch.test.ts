// Work for many at a time: each once, in order, soon; and the ends of spans, which are such work.
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { inBatches } from "../../telemetry/batch.ts";
import { createTelemetry } from "../../telemetry/service.ts";
import { type Ingest, startIngest } from "./ingest.ts";

describe("a batch", () => {
  const made = () => {
    const done: number[] = [];
    return { done, batch: inBatches((item: number) => void done.push(item)) };
  };
  const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, item) => item);

  it("is done when it is full, or after a moment, or when somebody asks for it; each item once and in order", async () => {
    const { done, batch } = made();
    for (const item of upTo(31)) batch.add(item);
    expect(done).toEqual([]);
    batch.add(31);
    expect(done).toEqual(upTo(32));
    batch.add(32);
    batch.add(33);
    expect(done).toEqual(upTo(32));
    batch.now();
    expect(done).toEqual(upTo(34));
    batch.add(34);
    await sleep(100);
    expect(done).toEqual(upTo(35));
    batch.add(35);
    await sleep(100);
    expect(done).toEqual(upTo(36));
    batch.now();
    expect(done).toEqual(upTo(36));
  });

  it("takes more while it works", () => {
    const done: number[] = [];
    const batch = inBatches((item: number) => {
      done.push(item);
      if (item < 32) batch.add(item + 100);
    });
    for (const item of upTo(32)) batch.add(item);
    batch.now();
    expect(done).toEqual([...upTo(32), ...upTo(32).map((item) => item + 100)]);
  });
});

describe("what a batch throws", () => {
  it("is thrown where nobody catches it, and the others are done", async () => {
    const thrown: unknown[] = [];
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", (error) => void thrown.push(error));
    try {
      const done: number[] = [];
      const batch = inBatches((item: number) => {
        if (item % 3 === 0) throw new Error(`${item}`);
        done.push(item);
      });
      for (let item = 0; item < 8; item++) batch.add(item);
      batch.now();
      await sleep(10);
      expect(done).toEqual([1, 2, 4, 5, 7]);
      expect(thrown.map(String)).toEqual(["Error: 0", "Error: 3", "Error: 6"]);
    } finally {
      process.removeAllListeners("uncaughtException");
      for (const each of others) process.on("uncaughtException", each);
    }
  });
});

describe("the end of a request's span", () => {
  const start = async () => {
    const ingest = await startIngest();
    const telemetry = await createTelemetry({ service: "lab", traces: { endpoint: ingest.url }, write: () => {} });
    onTestFinished(async () => {
      vi.restoreAllMocks();
      await telemetry.close();
      await ingest.close();
    });
    const end = (tookMs = 1.25) => telemetry.endSpan(telemetry.tracer.startSpan("request"), { up: true }, tookMs);
    return { ingest, telemetry, end };
  };

  type Times = { readonly startTimeUnixNano: string; readonly endTimeUnixNano: string };
  const timesOf = (ingest: Ingest): readonly Times[] => ingest.spans() as unknown as readonly Times[];

  it("is when the request ended, however much later it is written", async () => {
    const { ingest, telemetry, end } = await start();
    const before = Date.now();
    for (const tookMs of [0, 1.25, 999.999_999, 86_400_000]) end(tookMs);
    const after = Date.now();
    await sleep(100);
    await telemetry.flush();
    expect(ingest.spans()).toHaveLength(4);
    for (const { attributes } of ingest.spans()) expect(attributes).toEqual({ up: true });
    const times = timesOf(ingest).map((span) => [BigInt(span.startTimeUnixNano), BigInt(span.endTimeUnixNano)]);
    for (const [begun = 0n] of times) {
      expect(Number(begun / 1_000_000n)).toBeGreaterThanOrEqual(before);
      expect(Number(begun / 1_000_000n)).toBeLessThanOrEqual(after);
    }
    const took = times.map(([begun = 0n, ended = 0n]) => ended - begun);
    expect(took).toEqual([0n, 1_250_000n, 999_999_999n, 86_400_000_000_000n]);
  });

  it("is after its start, and a number, also when the clock has been set back since the process began", async () => {
    const { ingest, telemetry, end } = await start();
    const real = Date.now;
    vi.spyOn(Date, "now").mockImplementation(() => real() - 3_600_500);
    for (let span = 0; span < 20; span++) {
      end();
      await sleep(7);
    }
    await telemetry.flush();
    const times = timesOf(ingest);
    expect(times).toHaveLength(20);
    for (const { startTimeUnixNano, endTimeUnixNano } of times) {
      expect(endTimeUnixNano).toMatch(/^\d{19}$/);
      expect(BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)).toBe(1_250_000n);
    }
  });

  it("is counted before anybody reads the counts", async () => {
    const { telemetry, end } = await start();
    for (let span = 0; span < 3; span++) end();
    const { body } = await telemetry.metrics.render();
    expect(body).toMatch(/^trace_spans_ended_total 3$/m);
    expect(body).toMatch(/^trace_spans_queued 3$/m);
  });

  it("is not lost by a flush or by the end of the process' telemetry", async () => {
    const { ingest, telemetry, end } = await start();
    end();
    await telemetry.flush();
    expect(ingest.spans()).toHaveLength(1);
    end();
    end();
    await telemetry.close();
    expect(ingest.spans()).toHaveLength(3);
  });
});
