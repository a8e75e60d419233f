// A seeded day of a stack as Prometheus would have scraped it: lost scrapes, restarts, a deploy; nothing that anyone has to wake for.
import { createDraws, type Draws } from "../../../demo/traffic/draws.ts";

/** Between two scrapes. */
export const stepSeconds = 15;

/** One moment at which a target is scraped. */
export interface Moment {
  readonly tick: number;
  /** From 0 to below 24. */
  readonly hour: number;
  /** Whether the scrape brought anything. */
  readonly answered: boolean;
  /** How often its process has been started anew since midnight. */
  readonly starts: number;
}

export interface Day {
  readonly ticks: number;
  /** The moments of a target, in their order. */
  readonly of: (job: string) => readonly Moment[];
  /** Draws of its own for each name, the same for the same seed. */
  readonly draws: (name: string) => Draws;
}

const lostShare = 0.01;
/** A process that is started anew misses one scrape, sometimes two. */
const restartTicks = [1, 2] as const;

/**
 * `jobs`: each is restarted once in about ten days, and all are deployed, one after the other, on every third. `hours`: from midnight on.
 */
export function day(number: number, jobs: readonly string[], hours = 24): Day {
  const ticks = (hours * 3_600) / stepSeconds;
  const draws = (name: string): Draws => createDraws(hash(`${number} ${name}`));
  const moments = new Map(
    jobs.map((job, index) => {
      const own = draws(`moments of ${job}`);
      const restarts = new Map<number, number>();
      const restart = (at: number): unknown => restarts.set(Math.floor(at), own.pick(restartTicks));
      if (own.fraction() < 0.1) restart(own.fraction() * ticks);
      if (number % 3 === 0) restart(ticks / 2 + 2 * index);
      let starts = 0;
      let away = 0;
      return [
        job,
        Array.from({ length: ticks }, (_, tick): Moment => {
          away = Math.max(away - 1, restarts.get(tick) ?? 0);
          if (restarts.has(tick)) starts++;
          const lost = own.fraction() < lostShare;
          return { tick, hour: (tick * stepSeconds) / 3_600, answered: away === 0 && !lost, starts };
        }),
      ] as const;
    }),
  );
  return { ticks, draws, of: (job) => moments.get(job) ?? [] };
}

/** How busy people are: little at night, most at ten and at three, 0 to 1. */
export const busy = (hour: number): number =>
  0.05 + 0.95 * Math.max(0, Math.sin(((hour - 6) / 14) * Math.PI)) ** 0.5 * (hour > 6 && hour < 20 ? 1 : 0);

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const letter of text) value = Math.imul(value ^ (letter.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return value;
}

/** Values in promtool's notation; undefined is a scrape that brought nothing. */
export function notation(values: readonly (number | undefined)[]): string {
  const parts: string[] = [];
  for (let index = 0; index < values.length; ) {
    const value = values[index];
    let end = index + 1;
    while (end < values.length && values[end] === value) end++;
    const times = end - index;
    const text = value === undefined ? "stale" : String(Number(value.toPrecision(12)));
    // Only numbers can be repeated, and one that is needs a sign between it and nothing.
    if (value === undefined) parts.push(...Array.from({ length: times }, () => text));
    else parts.push(times === 1 ? text : `${text}x${times - 1}`);
    index = end;
  }
  return parts.join(" ");
}
