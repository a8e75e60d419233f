// How a benchmark measures: two or more ways of doing something, interleaved in one run, compared by their medians.

export interface Way {
  readonly name: string;
  /** Milliseconds of one run. */
  readonly run: () => Promise<number>;
}

export interface Measured {
  readonly name: string;
  readonly medianMs: number;
  readonly allMs: readonly number[];
}

/** Runs every way in turn, `rounds` times, so that a slow moment of the machine hits all of them alike. */
export async function interleave(
  ways: readonly Way[],
  rounds: number,
  say: (line: string) => void,
): Promise<readonly Measured[]> {
  const times = new Map(ways.map(({ name }) => [name, [] as number[]]));
  for (let round = 1; round <= rounds; round++)
    for (const { name, run } of ways) {
      const ms = await run();
      times.get(name)?.push(ms);
      say(`  round ${round}: ${name} ${seconds(ms)}`);
    }
  return [...times].map(([name, allMs]) => ({ name, allMs, medianMs: median(allMs) }));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** What a quarter of these times stay under: of many short turns, the quiet ones. Whoever else uses the machine only adds to a time. */
export const quiet = (times: readonly number[]): number =>
  times.toSorted((left, right) => left - right)[Math.floor(times.length / 4)] ?? Number.NaN;

/** How much more the one is than the other: the median of its turns, each beside the other's of the same moment. */
export const beside = (one: readonly number[], other: readonly number[]): number =>
  one.length === 0 ? Number.NaN : median(one.map((value, index) => value / (other[index] ?? Number.NaN)));

/** In another order each time: nobody is always first after a pause, or always behind the same one. */
export function shuffled<T>(values: readonly T[]): readonly T[] {
  return values
    .map((value) => ({ value, at: Math.random() }))
    .toSorted((left, right) => left.at - right.at)
    .map(({ value }) => value);
}

/** The median of one way, in milliseconds. */
export const medianOf = (all: readonly Measured[], name: string): number =>
  all.find((each) => each.name === name)?.medianMs ?? Number.NaN;

export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;

/** Milliseconds that something took. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

/** A promise of the design and what was seen. */
export interface Verdict {
  readonly what: string;
  readonly seen: string;
  readonly promised: string;
  readonly kept: boolean;
}
