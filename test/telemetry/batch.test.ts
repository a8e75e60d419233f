// Work for many at a time: each once, in order, soon; and the ends of spans, which are such work.
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { inBatches } from "../../telemetry/batch.ts";
import { createTelemetry } from "../../telemetry/service.ts";
import { startIngest } from "./ingest.ts";

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

describe("the end of a request's span", () => {
  const start = async () => {
    const ingest = await startIngest();
    const telemetry = await createTelemetry({ service: "lab", traces: { endpoint: ingest.url }, write: () => {} });
    const end = () => telemetry.endSpan(telemetry.tracer.startSpan("request"), { up: true }, performance.now());
    return { ingest, telemetry, end };
  };

  it("is when the request ended, however much later it is written", async () => {
    const { ingest, telemetry, end } = await start();
    try {
      const before = Date.now();
      end();
      const after = Date.now();
      await sleep(100);
      await telemetry.flush();
      const [span] = ingest.spans() as unknown as readonly Record<string, string | object>[];
      expect(span).toMatchObject({ attributes: { up: true } });
      // Nanoseconds, within the millisecond that a clock is good for.
      const milliseconds = (time: unknown) => Number(BigInt(String(time)) / 1_000n) / 1_000;
      expect(milliseconds(span?.startTimeUnixNano)).toBeGreaterThanOrEqual(before);
      expect(milliseconds(span?.endTimeUnixNano)).toBeLessThanOrEqual(after + 1);
      expect(milliseconds(span?.endTimeUnixNano)).toBeGreaterThanOrEqual(milliseconds(span?.startTimeUnixNano));
    } finally {
      await telemetry.close();
      await ingest.close();
    }
  });

  it("is not lost by a flush or by the end of the process' telemetry", async () => {
    const { ingest, telemetry, end } = await start();
    try {
      end();
      await telemetry.flush();
      expect(ingest.spans()).toHaveLength(1);
      end();
      end();
      await telemetry.close();
      expect(ingest.spans()).toHaveLength(3);
    } finally {
      await ingest.close();
    }
  });
});
