// A month of a platform's series, written into an empty Prometheus as fast as it takes them (remote write 1.0).
import { findSeries } from "../../telemetry/catalogue/index.ts";

/** A series as Prometheus' API shows it, with a value that it had `age` seconds after its first. */
export interface Seed {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Seconds between two samples. */
  readonly step: number;
}

export interface Span {
  /** Seconds since the epoch. */
  readonly from: number;
  readonly to: number;
}

/** What one request covers; Prometheus takes what is no older than an hour before its newest. */
const secondsPerRequest = 1_800;
const seriesPerRequest = 1_000;
const day = 86_400;

/**
 * Fills it and resolves with the number of samples. `age`: seconds in which the seeds' counters came to their values.
 * Rejects when Prometheus refuses a request.
 */
export async function writeHistory(
  prometheus: string,
  seeds: readonly Seed[],
  { from, to }: Span,
  age: number,
  say: (line: string) => void,
): Promise<number> {
  const series = seeds.map((seed, index) => ({
    head: labelsOf(seed.labels),
    at: shapeOf(seed, age, from, index),
    step: seed.step,
  }));
  const batches = [...Map.groupBy(series, ({ step }) => step)].flatMap(([step, all]) =>
    Array.from({ length: Math.ceil(all.length / seriesPerRequest) }, (_, index) => ({
      step,
      batch: all.slice(index * seriesPerRequest, (index + 1) * seriesPerRequest),
    })),
  );
  let written = 0;
  let told = from;
  for (let start = from; start < to; start += secondsPerRequest) {
    const end = Math.min(start + secondsPerRequest, to);
    // While Prometheus takes one, the next is made.
    await Promise.all(
      batches.map(({ step, batch }) => {
        const times = Array.from({ length: Math.ceil((end - start) / step) }, (_, index) => start + index * step);
        written += times.length * batch.length;
        return send(prometheus, batch, times);
      }),
    );
    if (start - told >= 5 * day) {
      told = start;
      say(`  ${((start - from) / day).toFixed(0)} days, ${(written / 1e6).toFixed(0)} million samples`);
    }
  }
  return written;
}

/** How a series goes on: counters rise with the time of day, gauges swing, a moment stays as far from now as it was. */
function shapeOf({ labels, value }: Seed, age: number, from: number, index: number): (at: number) => number {
  const name = labels.__name__ ?? "";
  const turn = (2 * Math.PI) / day;
  if (findSeries(name)?.kind === "counter") {
    const rate = value / age;
    // The integral of a rate that swings between its half and one and a half times.
    return (at) => rate * (at - from + (0.5 / turn) * (1 - Math.cos(turn * at)));
  }
  if (name.endsWith("_timestamp_seconds")) return (at) => at - (Date.now() / 1_000 - value);
  if (Number.isInteger(value) && Math.abs(value) <= 1) return () => value;
  return (at) => value * (1 + 0.2 * Math.sin(turn * at + index) + 0.02 * Math.sin(at * 0.7 + index));
}

interface Written {
  readonly head: Buffer;
  readonly at: (at: number) => number;
}

async function send(prometheus: string, batch: readonly Written[], times: readonly number[]): Promise<void> {
  const response = await fetch(new URL("/api/v1/write", prometheus), {
    method: "POST",
    headers: {
      "content-type": "application/x-protobuf",
      "content-encoding": "snappy",
      "x-prometheus-remote-write-version": "0.1.0",
    },
    body: literal(requestOf(batch, times)),
  });
  if (!response.ok) throw new Error(`Prometheus refuses samples: ${response.status} ${await response.text()}`);
}

// Protobuf by hand: two kinds of fields are all of it, and every sample has the same length.
const varint = (value: number): readonly number[] => {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) + 128);
  }
};
const field = (number: number, content: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([number * 8 + 2, ...varint(content.length)]), content]);

/** `repeated Label labels = 1`, sorted by name. */
const labelsOf = (labels: Readonly<Record<string, string>>): Buffer =>
  Buffer.concat(
    Object.entries(labels)
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([name, value]) => field(1, Buffer.concat([field(1, Buffer.from(name)), field(2, Buffer.from(value))]))),
  );

/** `repeated Sample samples = 2` of `double value = 1` and `int64 timestamp = 2`, once for all series, the values left open. */
function requestOf(batch: readonly Written[], times: readonly number[]): Buffer {
  const samples = Buffer.concat(
    times.map((at) => field(2, Buffer.from([0x09, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, ...varint(Math.round(at * 1_000))]))),
  );
  const size = samples.length / times.length;
  const valueAt = 3;
  return Buffer.concat(
    batch.map(({ head, at }) => {
      const own = Buffer.concat([head, samples]);
      for (const [index, time] of times.entries()) own.writeDoubleLE(at(time), head.length + index * size + valueAt);
      return field(1, own);
    }),
  );
}

/** Snappy's block format allows a block that is one literal: nothing is compressed, and nothing has to be. */
function literal(content: Buffer): Buffer<ArrayBuffer> {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(content.length - 1);
  return Buffer.concat([Buffer.from([...varint(content.length), 63 << 2]), length, content]);
}
