// The queue behind spans and reports: bounded, never blocking, and every item accounted for.
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createQueue, type Outcome, type QueueOptions } from "../../telemetry/queue.ts";
import { createTelemetry } from "../../telemetry/service.ts";
import { freePort } from "../support/ports.ts";
import { startIngest } from "./ingest.ts";

const open = (
  options: Pick<QueueOptions<number>, "most" | "batch" | "everyMs" | "send"> & Partial<QueueOptions<number>>,
) => createQueue<number>({ ended: () => {}, dropped: () => {}, ...options });

describe("the queue", () => {
  it("accounts for every item, whatever the other side answers", async () => {
    const outcome = fc.constantFrom<Outcome>("sent", "refused", "away");
    await fc.assert(
      fc.asyncProperty(
        fc.array(outcome, { maxLength: 20 }),
        fc.integer({ min: 0, max: 60 }),
        async (answers, count) => {
          const [left, sent, dropped] = [[...answers], [] as number[], { full: 0, refused: 0, away: 0 }];
          let most = 0;
          const queue = open({
            most: 25,
            batch: 4,
            everyMs: 1,
            send: async (items) => {
              const answer = left.shift() ?? "away";
              if (answer === "sent") sent.push(...items);
              return answer;
            },
            dropped: (cause, items) => {
              dropped[cause] += items;
            },
          });
          for (let item = 0; item < count; item++) {
            queue.add(() => item);
            most = Math.max(most, queue.waiting());
            if (item % 17 === 16) await queue.flush();
          }
          await queue.close();
          expect(most).toBeLessThanOrEqual(25);
          expect(sent.length + dropped.full + dropped.refused + dropped.away).toBe(count);
          expect(sent).toEqual(sent.toSorted((a, b) => a - b));
          expect(new Set(sent).size).toBe(sent.length);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("lets whole batches wait for nothing, and tries no more often while the other side is away", async () => {
    let answer: Outcome = "sent";
    const sent: number[] = [];
    const queue = open({
      most: 20,
      batch: 5,
      everyMs: 10_000,
      send: async (items) => {
        sent.push(items.length);
        return answer;
      },
    });
    const add = (count: number) => Array.from({ length: count }).forEach(() => void queue.add(() => 1));
    add(4);
    await sleep(20);
    expect(sent).toEqual([]);
    for (let turn = 0; turn < 3; turn++) {
      add(5);
      await expect.poll(() => queue.waiting()).toBe(4);
    }
    expect(sent).toEqual([5, 5, 5]);
    [answer] = ["away"];
    add(5);
    await expect.poll(() => sent.length).toBe(4);
    add(15);
    await sleep(50);
    expect([sent.length, queue.waiting()]).toEqual([4, 20]);
    await queue.close();
  });

  it("sends no few at a time because more come while it sends, and a flush has an end", async () => {
    const sent: number[] = [];
    const queue = open({
      most: 1_000,
      batch: 100,
      everyMs: 10_000,
      send: async (items) => {
        sent.push(items.length);
        await sleep(1);
        for (let item = 0; item < 3; item++) queue.add(() => item);
        return "sent";
      },
    });
    for (let item = 0; item < 250; item++) queue.add(() => item);
    await sleep(50);
    expect([sent, queue.waiting()]).toEqual([[100, 100], 56]);
    // The second finds a batch on its way, and waits for what has come since as well.
    const first = queue.flush();
    for (let item = 0; item < 120; item++) queue.add(() => item);
    await Promise.all([first, queue.flush()]);
    expect([sent.slice(2), queue.waiting()]).toEqual([[56, 100, 26], 3]);
  });

  it("sends nothing when a flush was quicker than its time", async () => {
    const sent: number[] = [];
    const queue = open({
      most: 10,
      batch: 5,
      everyMs: 10,
      send: async (items) => {
        sent.push(items.length);
        return "sent";
      },
    });
    queue.add(() => 1);
    await queue.flush();
    await sleep(30);
    expect(sent).toEqual([1]);
  });

  it.each(Array.from({ length: 12 }, (_, turns) => turns))(
    "loses and doubles nothing when it is closed %i turns after a batch has left",
    async (turns) => {
      const [sent, lost] = [[] as number[], [] as number[]];
      let answered: (outcome: Outcome) => void = () => {};
      let [begun, ended] = [0, 0];
      const queue = open({
        most: 100,
        batch: 2,
        everyMs: 10_000,
        send: async (items) => {
          const first = begun++ === 0;
          const outcome = first
            ? await new Promise<Outcome>((resolve) => (answered = resolve))
            : await sleep(2, "sent" as const);
          sent.push(...items);
          ended++;
          return outcome;
        },
        dropped: (_cause, count) => void lost.push(count),
      });
      for (const item of [1, 2, 3, 4]) queue.add(() => item);
      const flushed = queue.flush();
      answered("sent");
      for (let turn = 0; turn < turns; turn++) await null;
      for (const item of [5, 6]) queue.add(() => item);
      await queue.close();
      expect([sent, lost, ended]).toEqual([[1, 2, 3, 4, 5, 6], [], begun]);
      await flushed;
    },
  );

  it("sends no more once it is closed, whoever asks", async () => {
    const [sent, lost] = [[] as number[], [] as number[]];
    let tries = 0;
    const queue = open({
      most: 10,
      batch: 5,
      everyMs: 10_000,
      send: async (items) => {
        await sleep(2);
        if (tries++ === 0) return "away";
        sent.push(...items);
        return "sent";
      },
      dropped: (_cause, count) => void lost.push(count),
    });
    for (const item of [1, 2, 3]) queue.add(() => item);
    const asks = async (): Promise<void> => {
      await queue.flush();
      await queue.flush();
    };
    await Promise.all([asks(), queue.close()]);
    expect([sent, lost, tries]).toEqual([[], [3], 1]);
  });

  it("takes what a busy service makes, however much of it, while the collector is there", async () => {
    const ingest = await startIngest();
    const telemetry = await createTelemetry({ service: "lab", traces: { endpoint: ingest.url }, write: () => {} });
    try {
      // Five times what the queue holds, within the second after which it would be sent by itself.
      for (let turn = 0; turn < 200; turn++) {
        for (let span = 0; span < 100; span++) telemetry.tracer.startSpan("x").end();
        await sleep(1);
      }
      await telemetry.flush();
      expect((await telemetry.metrics.render()).body).toContain('trace_spans_dropped_total{cause="full"} 0');
      expect(ingest.spans()).toHaveLength(20_000);
      // Each of them once.
      expect(new Set(ingest.spans().map(({ spanId }) => spanId)).size).toBe(20_000);
    } finally {
      await telemetry.close();
      await ingest.close();
    }
  });
});

describe("a service whose collector is away", () => {
  const count = async (telemetry: Awaited<ReturnType<typeof start>>, metric: string) =>
    Number(new RegExp(`^${metric} (\\d+)$`, "m").exec((await telemetry.metrics.render()).body)?.[1]);
  const start = (endpoint: string, dsn: string) =>
    createTelemetry({ service: "lab", traces: { endpoint }, errors: { dsn }, write: () => {} });

  it("drops what does not fit, counts it, and sends what waits as soon as the collector is there", async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const telemetry = await start(url, `http://key@127.0.0.1:${port}/1`);
    try {
      for (let turn = 0; turn < 5_000; turn++) telemetry.tracer.startSpan("x").end();
      for (let turn = 0; turn < 150; turn++) telemetry.reports.report(new Error("x"));
      await telemetry.flush();
      expect(await count(telemetry, "trace_spans_ended_total")).toBe(5_000);
      expect(await count(telemetry, "trace_spans_queued")).toBe(4_096);
      expect(await count(telemetry, 'trace_spans_dropped_total\\{cause="full"\\}')).toBe(904);
      expect(await count(telemetry, 'error_reports_dropped_total\\{cause="full"\\}')).toBe(50);
      const ingest = await startIngest(port);
      await telemetry.flush();
      await sleep(10);
      expect(ingest.spans()).toHaveLength(4_096);
      expect(ingest.events()).toHaveLength(100);
      expect(await count(telemetry, "trace_spans_exported_total")).toBe(4_096);
      await ingest.close();
    } finally {
      await telemetry.close();
    }
  });

  it("gives up what the collector refuses", async () => {
    const ingest = await startIngest();
    ingest.answer = 400;
    const telemetry = await start(ingest.url, `${ingest.url.replace("://", "://key@")}/1`);
    try {
      telemetry.tracer.startSpan("x").end();
      await telemetry.flush();
      expect(await count(telemetry, 'trace_spans_dropped_total\\{cause="refused"\\}')).toBe(1);
      expect(await count(telemetry, "trace_spans_queued")).toBe(0);
    } finally {
      await telemetry.close();
      await ingest.close();
    }
  });

  it("refuses a DSN that is none without repeating it", async () => {
    await expect(start("http://127.0.0.1:1", "https://CANARY")).rejects.toThrow(/not of the form/);
    await expect(start("http://127.0.0.1:1", "https://CANARY")).rejects.not.toThrow(/CANARY/);
  });
});
