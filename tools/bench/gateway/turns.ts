// Ways of answering that take turns: in each round a process of each is started, warmed, asked again and again beside the others, and ended.
import { beside, median, quiet, shuffled } from "../measure.ts";
import { cpuSeconds } from "../program.ts";
import { load } from "./load.ts";

/** One process, and what it is asked. */
export interface Way {
  /** The process whose time is taken. */
  readonly child: { readonly pid?: number | undefined };
  readonly url: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  end(): unknown;
}

/** How ways take turns. */
export interface Shape {
  /** Processes of each way, one after the other: two of the same differ by some percent for as long as they live. */
  readonly rounds: number;
  /** Of each in a round: short ones lie close together, and many of them, because a machine that others use is uneven. */
  readonly turns: number;
  readonly milliseconds: number;
  /** Before a turn, until the processor's caches know the process again. */
  readonly leadInMs: number;
  /** Before a round, until V8 has compiled what a process runs. */
  readonly warmUpMs: number;
}

/** What was seen of one way in one turn. */
export interface Turn {
  readonly round: number;
  readonly perSecond: number;
  readonly p99Ms: number;
  /** Microseconds of the processor for each request, of the process that answers alone. */
  readonly cpuMicroseconds: number;
}

/** Of each way the same number of turns, those with the same index a moment apart. */
export type Seen<W extends string> = Readonly<Record<W, readonly Turn[]>>;

const connections = 32;
const warmTurnMs = 1_000;

/** Throws when an answer is not 200. */
export async function inTurns<const W extends string>(
  starts: Readonly<Record<W, () => Promise<Way>>>,
  shape: Shape,
  say: (line: string) => void,
): Promise<Seen<W>> {
  const names = Object.keys(starts) as W[];
  const seen = Object.fromEntries(names.map((name) => [name, [] as Turn[]])) as Record<W, Turn[]>;
  for (let round = 1; round <= shape.rounds; round++) {
    const ways = {} as Record<W, Way>;
    try {
      for (const name of names) ways[name] = await starts[name]();
      await oneRound(ways, round, shape, seen);
    } finally {
      // Each, also when one of them cannot be ended.
      await Promise.allSettled(Object.values<Way>(ways).map(async (way) => way.end()));
    }
    const costs = names.map((name) => `${name} ${median(costsOf(seen[name], round)).toFixed(1)}`);
    say(`  round ${round} of ${shape.rounds}, microseconds of the processor for a request: ${costs.join(", ")}`);
  }
  for (const name of names) say(`  ${name}: ${summary(seen[name])}`);
  return seen;
}

async function oneRound<W extends string>(
  ways: Readonly<Record<W, Way>>,
  round: number,
  { turns, milliseconds, leadInMs, warmUpMs }: Shape,
  seen: Readonly<Record<W, Turn[]>>,
): Promise<void> {
  const names = Object.keys(ways) as W[];
  // In turns, too: V8 collects in a process that waits for some seconds, and gives up code for whose objects there is no example any more.
  for (let done = 0; done < warmUpMs; done += warmTurnMs)
    for (const name of names) await load(ways[name], { connections, milliseconds: warmTurnMs });
  for (let turn = 0; turn < turns; turn++)
    for (const name of shuffled(names)) {
      const way = ways[name];
      await load(way, { connections, milliseconds: leadInMs });
      const [from, before] = [performance.now(), cpuSeconds(way)];
      const { failed, perSecond, p99Ms } = await load(way, { connections, milliseconds });
      if (failed > 0) throw new Error(`${name}: ${failed} answers were not 200`);
      const answered = (perSecond * (performance.now() - from)) / 1_000;
      seen[name].push({ round, perSecond, p99Ms, cpuMicroseconds: (1e6 * (cpuSeconds(way) - before)) / answered });
    }
}

const costsOf = (turns: readonly Turn[], round: number): readonly number[] =>
  turns.filter((turn) => turn.round === round).map(({ cpuMicroseconds }) => cpuMicroseconds);

function summary(turns: readonly Turn[]): string {
  const rates = turns.map(({ perSecond }) => perSecond);
  const perSecond = 1 / quiet(rates.map((rate) => 1 / rate));
  const p99Ms = quiet(turns.map((turn) => turn.p99Ms));
  const cpu = quiet(turns.map(({ cpuMicroseconds }) => cpuMicroseconds));
  const range = `${Math.min(...rates).toFixed(0)} to ${Math.max(...rates).toFixed(0)}`;
  return `${perSecond.toFixed(0)} requests/s (${range}), p99 ${p99Ms.toFixed(1)} ms, CPU ${cpu.toFixed(1)} us a request`;
}

/** The throughput of one way in that of another: the median of all turns, and that of the turns of each round. */
export function throughput(one: readonly Turn[], other: readonly Turn[]): { all: number; rounds: readonly number[] } {
  const of = (turns: readonly Turn[]): readonly number[] => turns.map(({ perSecond }) => perSecond);
  const rounds = [...new Set(one.map(({ round }) => round))].map((round) => {
    const within = (turns: readonly Turn[]) => of(turns.filter((turn) => turn.round === round));
    return beside(within(one), within(other));
  });
  return { all: beside(of(one), of(other)), rounds };
}

/** What a request of one way takes of the processor, in that of another. */
export const cost = (one: readonly Turn[], other: readonly Turn[]): number =>
  beside(
    one.map(({ cpuMicroseconds }) => cpuMicroseconds),
    other.map(({ cpuMicroseconds }) => cpuMicroseconds),
  );
