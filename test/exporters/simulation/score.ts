// Judges a prober's alerts by what was really wrong.
import type { Run } from "./probers.ts";
import type { Span, World } from "./world.ts";

export interface Score {
  readonly alerts: number;
  /** Told while nothing was wrong with the vendor. */
  readonly false: number;
  /** Of these, told while we were offline ourselves. */
  readonly falseOffline: number;
  /** Outages of three minutes or more, none of it in our own outage, that were never told. */
  readonly missed: number;
  readonly outages: number;
  /** From the beginning of an outage to its alert, in intervals of its schedule. */
  readonly delays: readonly number[];
  /** Turns made of those that the schedule has. */
  readonly turnsMade: number;
}

/** An alert may come a little after the end, of attempts that were made before it. */
const slackMs = 15_000;

export function score({ alerts, turns }: Run, { vendors, offline, endMs }: World): Score {
  const touches = (spans: readonly Span[], from: number, until: number) =>
    spans.some((span) => span.from < until && span.until + slackMs > from);
  const wrong = alerts.filter(({ vendor, at }) => !touches(vendor.outages, at, at + 1));
  const judged = vendors.flatMap((vendor) =>
    vendor.outages
      .filter(({ from, until }) => !touches(offline, from - 2 * vendor.intervalMs, until))
      .map((outage) => {
        const { from, until } = outage;
        // What was told too early and stands until the end is told, too.
        const told = alerts.find(
          (alert) =>
            alert.vendor === vendor && alert.at <= until + slackMs && (alert.at >= from || alert.until >= until),
        );
        return told === undefined ? undefined : Math.max(0, told.at - from) / vendor.intervalMs;
      }),
  );
  return {
    alerts: alerts.length,
    false: wrong.length,
    falseOffline: wrong.filter(({ at }) => touches(offline, at, at + 1)).length,
    missed: judged.filter((delay) => delay === undefined).length,
    outages: judged.length,
    delays: judged.flatMap((delay) => delay ?? []).toSorted((left, right) => left - right),
    turnsMade: turns / vendors.reduce((sum, { intervalMs }) => sum + endMs / intervalMs, 0),
  };
}

/** A score in words. */
export const line = (name: string, { alerts, false: wrong, falseOffline, missed, outages, delays }: Score): string =>
  `${name.padEnd(28)} ${alerts} alerts, ${wrong} false (${falseOffline} while offline), ${missed} of ${outages} outages missed, told after ${(delays[Math.floor(delays.length / 2)] ?? Number.NaN).toFixed(2)} intervals (most ${(delays.at(-1) ?? Number.NaN).toFixed(2)})`;
