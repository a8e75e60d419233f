// What every integration was, for 90 days: spans of states and a day of attempts, kept in one file that outlives restarts.
import { readFileSync, renameSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { probeCauses } from "../../telemetry/catalogue/integrations.ts";
import type { Known } from "./watch.ts";

export type Was = "up" | "down" | "maintenance" | "unknown";

/** From that instant on, in milliseconds since 1970, until the next span begins. */
type Span = readonly [from: number, was: Was];
/** Attempts of five minutes: how many, how many of them failed, and the seconds that the good ones took together. */
type Point = readonly [from: number, attempts: number, failures: number, seconds: number];

interface Past {
  spans: Span[];
  /** What is known ends here. */
  until: number;
  points: Point[];
  kept?: Known | undefined;
}

export interface Note {
  readonly at: number;
  readonly was: Was;
  readonly failed: boolean;
  readonly seconds: number;
  /** After a pause longer than this nobody knows what was in between. */
  readonly gapMs: number;
  /** What is known after it. */
  readonly kept?: Known;
}

export interface Day {
  /** As 2026-01-31, in UTC. */
  readonly date: string;
  readonly upMs: number;
  readonly downMs: number;
}

export interface History {
  note(name: string, note: Note): void;
  /** The share of the known time in which it was up; undefined when nothing is known. */
  uptime(name: string, from: number, until: number): number | undefined;
  /** The last `count` days, the newest last. */
  days(name: string, count: number, now: number): readonly Day[];
  points(name: string): readonly Point[];
  /** What it was last, and until when that is known. */
  last(
    name: string,
  ): { readonly was: Was; readonly since: number; readonly until: number; readonly kept?: Known } | undefined;
  /** Writes what is not yet written. */
  save(): Promise<void>;
}

const dayMs = 86_400_000;
const keptMs = 91 * dayMs;
const mostSpans = 20_000;
export const pointMs = 300_000;

/** As `Known` has it. */
const known = z.object({
  verdict: z.object({
    up: z.boolean().optional(),
    since: z.number(),
    doubtedSince: z.number().exactOptional(),
    cause: z.enum(probeCauses).exactOptional(),
    offline: z.boolean(),
    recent: z.array(z.boolean()),
  }),
  certificate: z.object({ expiry: z.number(), seenAt: z.number(), acceptedAt: z.number().optional() }).exactOptional(),
});

const file = z.object({
  version: z.literal(1),
  integrations: z.record(
    z.string(),
    z.object({
      spans: z.array(z.tuple([z.number(), z.enum(["up", "down", "maintenance", "unknown"])])),
      until: z.number(),
      points: z.array(z.tuple([z.number(), z.number(), z.number(), z.number()])),
      kept: known.optional(),
    }),
  ),
});

export type HistoryTrouble = "cannot be read, it begins anew" | "cannot be written";

/** Without a folder it lasts as long as the process. A file that is none is put aside. `told` hears of each trouble once. */
export function openHistory(folder: string | undefined, told: (trouble: HistoryTrouble) => void): History {
  const path = folder === undefined ? undefined : join(folder, "history.json");
  const all = new Map<string, Past>(path === undefined ? [] : read(path, told));
  let unsaved = false;
  let failing = false;
  let saving = Promise.resolve();

  return {
    note: (name, { at, was, failed, seconds, gapMs, kept }) => {
      const past = all.get(name) ?? { spans: [], until: at, points: [] };
      all.set(name, past);
      if (at - past.until > gapMs && past.spans.at(-1)?.[1] !== "unknown") past.spans.push([past.until, "unknown"]);
      if (past.spans.at(-1)?.[1] !== was) past.spans.push([at, was]);
      past.until = at;
      past.kept = kept;
      past.spans = past.spans
        .filter((_, index, spans) => (spans[index + 1]?.[0] ?? at) > at - keptMs)
        .slice(-mostSpans);
      const from = Math.floor(at / pointMs) * pointMs;
      const point = past.points.at(-1);
      const [, attempts, failures, sum] = point?.[0] === from ? (past.points.pop() ?? point) : [from, 0, 0, 0];
      past.points.push([from, attempts + 1, failures + (failed ? 1 : 0), sum + (failed ? 0 : seconds)]);
      past.points = past.points.filter(([when]) => when > at - dayMs - pointMs);
      unsaved = true;
    },
    uptime: (name, from, until) => {
      const { up, down } = spent(all.get(name), from, until);
      return up + down > 0 ? up / (up + down) : undefined;
    },
    days: (name, count, now) => {
      const today = Math.floor(now / dayMs) * dayMs;
      return Array.from({ length: count }, (_, index) => {
        const from = today - (count - 1 - index) * dayMs;
        const { up, down } = spent(all.get(name), from, from + dayMs);
        return { date: new Date(from).toISOString().slice(0, 10), upMs: up, downMs: down };
      });
    },
    points: (name) => all.get(name)?.points ?? [],
    last: (name) => {
      const past = all.get(name);
      const span = past?.spans.at(-1);
      if (past === undefined || span === undefined) return undefined;
      return { was: span[1], since: span[0], until: past.until, ...(past.kept && { kept: past.kept }) };
    },
    save: () => {
      saving = saving.then(async () => {
        if (path === undefined || !unsaved) return;
        unsaved = false;
        try {
          await write(path, JSON.stringify({ version: 1, integrations: Object.fromEntries(all) }));
          failing = false;
        } catch {
          unsaved = true;
          if (!failing) told("cannot be written");
          failing = true;
        }
      });
      return saving;
    },
  };
}

/** A file is there whole or not at all. */
async function write(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
}

function read(path: string, told: (trouble: HistoryTrouble) => void): readonly (readonly [string, Past])[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return [];
  }
  try {
    return Object.entries(file.parse(JSON.parse(text)).integrations);
  } catch {
    told("cannot be read, it begins anew");
    try {
      renameSync(path, `${path}.broken`);
    } catch {
      // Then nothing can be written either, which is told when it is tried.
    }
    return [];
  }
}

function spent(past: Past | undefined, from: number, until: number): { readonly up: number; readonly down: number } {
  const sum = { up: 0, down: 0, maintenance: 0, unknown: 0 };
  for (const [index, [begin, was]] of (past?.spans ?? []).entries()) {
    const end = past?.spans[index + 1]?.[0] ?? past?.until ?? begin;
    sum[was] += Math.max(0, Math.min(end, until) - Math.max(begin, from));
  }
  return sum;
}
