// A seeded world of vendors with faults: what an attempt at an instant would have met, and what was really wrong then.
import type { ProbeCause } from "../../../telemetry/catalogue/integrations.ts";

export interface Span {
  readonly from: number;
  readonly until: number;
  readonly cause: ProbeCause;
}

export interface Vendor {
  readonly name: string;
  readonly intervalMs: number;
  /** What must be told: the vendor is really away. */
  readonly outages: readonly Span[];
  /** What must not be told: single answers of 503, limits on our calls. */
  readonly trifles: readonly Span[];
  /** When attempts fail by themselves five times as often. */
  readonly bursts: readonly Span[];
}

export interface World {
  readonly vendors: readonly Vendor[];
  readonly endMs: number;
  /** When we are offline ourselves, or only our resolver is. */
  readonly offline: readonly Span[];
  /** When the prober itself is restarted. */
  readonly restarts: readonly Span[];
  /** How an attempt that begins now ends, and after how long. */
  meet(vendor: Vendor, at: number, timeoutMs: number): { readonly cause?: ProbeCause; readonly ms: number };
  /** Whether an anchor answers; each fails by itself now and then. */
  anchor(at: number): { readonly resolved: boolean; readonly connected: boolean };
}

export type Draw = () => number;

/** Mulberry32: small, fast, and the same on every machine. */
export function draws(seed: number): Draw {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const minute = 60_000;
const hour = 60 * minute;
/** Of each attempt, whatever else is wrong: a dropped DNS answer, a reset, a body that never ends. */
const passing: readonly (readonly [below: number, ProbeCause])[] = [
  [0.004, "dns"],
  [0.008, "connect"],
  [0.01, "timeout"],
];

const kinds = ["http_5xx", "connect", "timeout", "dns", "tls", "assertion"] as const;

export function world(seed: number, { vendors = 8, hours = 24 } = {}): World {
  const draw = draws(seed);
  const endMs = hours * hour;
  const pick = <T>(all: readonly T[]): T => all[Math.floor(draw() * all.length)] as T;
  /** Spans at random instants, so many an hour on average, which do not touch each other. */
  const spans = (perHour: number, from: number, until: number, causes: readonly ProbeCause[]): Span[] => {
    const made: Span[] = [];
    for (let at = gap(perHour); at < endMs - hour; at += gap(perHour)) {
      const length = from + draw() * (until - from);
      made.push({ from: at, until: at + length, cause: pick(causes) });
      at += length + 15 * minute;
    }
    return made;
  };
  const gap = (perHour: number): number => (-Math.log(1 - draw()) / perHour) * hour;
  const offline = spans(0.4, 10_000, 20 * minute, ["timeout", "connect", "dns"]);
  const restarts = spans(0.3, 1_000, 5_000, ["other"]);
  // What several vendors stand on: half of them are away with it.
  const shared = spans(0.05, 3 * minute, 30 * minute, kinds);
  const all = Array.from({ length: vendors }, (_, index): Vendor => {
    const outages = apart([...spans(0.25, 3 * minute, 40 * minute, kinds), ...shared.filter(() => draw() < 0.5)]);
    const blips = spans(3, 1_000, 5_000, ["http_5xx"]);
    return {
      name: `vendor-${index}`,
      intervalMs: index % 2 === 0 ? 30_000 : minute,
      outages,
      trifles: [...blips, ...spans(0.3, minute, 10 * minute, ["rate_limited"])],
      bursts: spans(0.2, minute, 10 * minute, ["other"]),
    };
  });
  const during = (list: readonly Span[], at: number) => list.find(({ from, until }) => at >= from && at < until);
  const transient = (oftener: number): ProbeCause | undefined => {
    const drawn = draw() / oftener;
    return passing.find(([below]) => drawn < below)?.[1];
  };
  return {
    vendors: all,
    endMs,
    offline,
    restarts,
    meet: (vendor, at, timeoutMs) => {
      const quick = 40 + draw() * 400;
      const away = during(offline, at);
      const cause =
        (away === undefined ? undefined : away.cause) ??
        during(vendor.outages, at)?.cause ??
        during(vendor.trifles, at)?.cause ??
        transient(during(vendor.bursts, at) === undefined ? 1 : 5);
      return { ...(cause === undefined ? {} : { cause }), ms: cause === "timeout" ? timeoutMs : quick };
    },
    anchor: (at) => {
      const away = during(offline, at);
      const fine = draw() > 0.01;
      // A resolver that is away alone leaves connections to known addresses as they are.
      return { resolved: away === undefined && fine, connected: fine && (away === undefined || away.cause === "dns") };
    },
  };
}

/** Without those that touch an earlier one: an outage begins where there was none. */
const apart = (spans: readonly Span[]): readonly Span[] =>
  spans
    .toSorted((left, right) => left.from - right.from)
    .filter(({ from }, index, sorted) => !sorted.slice(0, index).some(({ until }) => from < until + 15 * minute));
