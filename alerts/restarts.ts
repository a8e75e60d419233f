// What every alert on counters proves besides: when the programs that count start anew, just as it begins to be true, it fires all the
// same and at the same time. Made from the alert's own proof that it fires; one that took the new start for a fall would be blind.
import { type Duration, seconds } from "../components/units.ts";
import { findSeries } from "../telemetry/catalogue/index.ts";
import type { Alert, Given, Proof } from "./rule.ts";

/** One proof, or none where the alert reads no counter. `step` is the time between two evaluations. */
export function restartProofs(alert: Alert, step: Duration): readonly Proof[] {
  if (!readsCounters(alert)) return [];
  const proof = alert.proofs.find((each) => each.given.some(isCounter) && begin(each) !== undefined);
  const fires = proof === undefined ? undefined : begin(proof);
  if (proof === undefined || fires === undefined) return [];
  const until = seconds(fires);
  const sample = Math.round((until - seconds(alert.for)) / seconds(proof.step ?? step));
  return [
    {
      ...(proof.step === undefined ? {} : { step: proof.step }),
      says: "fires all the same when what counts starts anew in that moment",
      given: proof.given.map((each) => (isCounter(each) ? startedAnew(each, sample) : each)),
      firing: Object.fromEntries(Object.entries(proof.firing).filter(([time]) => seconds(time as Duration) <= until)),
    },
  ];
}

/** Whether it asks how much a counter has grown. */
export const readsCounters = ({ expr }: Alert): boolean => /\b(?:rate|irate|increase)\(/.test(expr.text);

const isCounter = ({ series }: Given): boolean => findSeries(series)?.kind === "counter";

/** The first instant at which a proof expects the alert. */
const begin = ({ firing }: Proof): Duration | undefined =>
  Object.keys(firing)
    .map((time) => time as Duration)
    .toSorted((left, right) => seconds(left) - seconds(right))
    .find((time) => (firing[time] ?? []).length > 0);

/** A counter has counted long before, and loses it between the sample before this one and this one: what it grows by stays the same. */
function startedAnew(counter: Given, sample: number): Given {
  const values = samplesOf(counter.values);
  const last = values.slice(0, sample).findLast((value) => typeof value === "number") ?? 0;
  const texts = values.map((value, index) => {
    if (typeof value !== "number") return value;
    return String(index < sample ? value + countedBefore : Number((value - last).toPrecision(12)));
  });
  return { ...counter, values: texts.join(" ") };
}

const countedBefore = 10_000_000;

/** Promtool's notation, sample by sample: numbers, `_` for a missing one, `stale`. */
export const samplesOf = (notation: string): readonly (number | string)[] =>
  notation.split(/\s+/).flatMap((token): readonly (number | string)[] => {
    const missing = /^_(?:x(\d+))?$/.exec(token);
    if (missing !== null) return Array.from({ length: Number(missing[1] ?? 1) }, () => "_");
    const many = /^(-?[\d.e]+)(?:([+-])([\d.e]+))?x(\d+)$/.exec(token);
    if (many === null) return [token === "stale" ? token : Number(token)];
    const [, from, sign, by = "0", times] = many;
    const change = Number(`${sign ?? "+"}${by}`);
    return Array.from({ length: Number(times) + 1 }, (_, index) => Number(from) + change * index);
  });
