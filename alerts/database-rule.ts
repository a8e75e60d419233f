// What all alerts on databases have in common: owner, service, dashboard, and the instants at which their proofs look.
import { type Duration, seconds } from "../components/units.ts";
import { step } from "./database-measures.ts";
import { type Alert, fillLabels, type Labels, type Proof } from "./rule.ts";

/** What an alert says itself. Times are multiples of 15 s, the time between two samples of its proofs. */
export interface Words extends Pick<Alert, "name" | "measures" | "severity" | "summary" | "action"> {
  readonly for: Duration;
  readonly keepFiringFor?: Duration;
}

export const at = (secondsFromStart: number): Duration => `${secondsFromStart}s`;
export const seenBy = (ordinal: number): Labels => ({ job: "db-stats", instance: `db-stats-${ordinal}` });
export const common = { owner: "platform", service: "{{ $labels.database }}" } as const;
export const dashboardOf = (series: string) =>
  ({ dashboard: series.includes("redis_") ? "vitals-redis" : "vitals-postgres" }) as const;
export const clinic = { database: "clinic" } as const;

interface Seen {
  readonly words: Words;
  readonly keepFiringFor: Duration;
  /** The first and the last sample at which the expression is true. */
  readonly from: number;
  readonly last: number;
  readonly by?: Labels;
  /** A sample at which it fires, and its value there. */
  readonly text?: { readonly sample: number; readonly value: string };
}

/** The instants either side of an alert's beginning and of its end, and its words while it fires. */
export function seen({ words, keepFiringFor, from, last, by = {}, text }: Seen): Pick<Proof, "firing" | "text"> {
  const begins = from * step + seconds(words.for);
  const ends = last * step + seconds(keepFiringFor);
  const firing = [{ ...clinic, ...by }];
  const summary = fillLabels(words.summary, { ...clinic, ...by });
  return {
    firing: {
      [at(begins - step)]: [],
      [at(begins)]: firing,
      [at((text?.sample ?? last) * step)]: firing,
      [at(ends)]: firing,
      [at(ends + step)]: [],
    },
    ...(text === undefined ? {} : { text: { at: at(text.sample * step), summary, value: text.value } }),
  };
}
