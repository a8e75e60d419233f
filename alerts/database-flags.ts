// Alerts on databases for which once is enough: a flag that fell, something that happened. Each kind has the same proofs for all its
// alerts, made from the alert's own figures.
import { type Duration, seconds } from "../components/units.ts";
import { agg, promql, sel } from "../telemetry/promql.ts";
import { type DatabaseCounter, type DatabaseSeries, growth, step } from "./database-measures.ts";
import { at, clinic, common, dashboardOf, seen, seenBy, type Words } from "./database-rule.ts";
import { type Alert, counter, given, missing, sumOfFlags } from "./rule.ts";

/** A flag that is 1 while all is well. It fell when every exporter that watches the database says so. */
export function fallen(series: DatabaseSeries, { keepFiringFor = "1m", ...words }: Words): Alert {
  const flag = (ordinal: number, values: string, database = "clinic") =>
    given(series, { database, ...seenBy(ordinal) }, values);
  const held = seconds(words.for) / step;
  return {
    ...common,
    ...words,
    keepFiringFor,
    panel: dashboardOf(series),
    expr: promql`${agg("max", sel(series), "database")} == 0`,
    equivalent: { "0 max -> sum": sumOfFlags },
    proofs: [
      {
        says: "fires when its time is over, and resolves when it is well again for a while",
        given: [flag(0, `1x3 0x${held + 4} 1x40`), flag(0, `1x${held + 60}`, "billing")],
        ...seen({ words, keepFiringFor, from: 4, last: 8 + held, text: { sample: 8 + held, value: "0" } }),
      },
      {
        says: "is silent while one of two exporters sees it well",
        given: [flag(0, "0x60"), flag(1, "1x60")],
        firing: { "1m": [], "15m": [] },
      },
      {
        says: "is silent where there is none",
        given: [missing(series, clinic)],
        firing: { "1m": [], "10m": [] },
      },
    ],
  };
}

/** Something of which even one is too many: fires while the range holds one, and none of what makes up for it. */
export function happened(
  series: DatabaseCounter,
  range: Duration,
  { keepFiringFor = "5m", ...words }: Words,
  unless?: DatabaseCounter,
): Alert {
  const grows = (counted: DatabaseCounter) => promql`${growth(counted, range).expr} > 0`;
  const expr = unless === undefined ? grows(series) : promql`${grows(series)} unless ${grows(unless)}`;
  const each = (ordinal: number, values: string, database = "clinic", of = series) =>
    given(of, { database, ...seenBy(ordinal) }, values);
  const steps = seconds(range) / step - 1;
  return {
    ...common,
    ...words,
    keepFiringFor,
    panel: dashboardOf(series),
    expr,
    unit: "count",
    equivalent: Object.fromEntries([
      ...[...expr.text.matchAll(/max/g)].map(({ index }) => [
        `${index} max -> sum`,
        "A sum of what has grown is above 0 exactly when one has.",
      ]),
      ...[...expr.text.matchAll(/increase/g)].map(({ index }) => [
        `${index} increase -> rate`,
        "Both are above 0 together.",
      ]),
    ]),
    proofs: [
      {
        says: "fires when one happened, and resolves when it is long ago",
        given: [
          each(0, `7x9 8x${steps + 80}`),
          each(1, "7x120"),
          each(0, "7x120", "billing"),
          ...(unless === undefined ? [] : [each(0, "3x200", "clinic", unless)]),
        ],
        // In the first sample after it; the range begins with the sample before.
        ...seen({ words, keepFiringFor, from: 10, last: 10 + steps - 1, text: { sample: 10 + steps - 1, value: "1" } }),
      },
      ...(unless === undefined
        ? []
        : [
            {
              says: "is silent where one of two exporters saw what makes up for it, be it the first of all or the first after a new start",
              given: [
                each(0, `7x9 8x${steps + 80}`),
                each(0, `0x9 1x${steps + 80}`, "clinic", unless),
                each(1, "3x200", "clinic", unless),
                each(0, `7x9 8x${steps + 80}`, "billing"),
                each(0, `3x9 1x${steps + 80}`, "billing", unless),
              ],
              firing: { "3m": [], [at(10 * step + seconds(words.for))]: [], [at((10 + steps) * step)]: [] },
            },
            {
              says: "fires when the last of what makes up for it is long ago",
              given: [each(0, counter([[steps + 60, 1]], 7)), each(0, `3x9 4x${steps + 80}`, "clinic", unless)],
              firing: {
                [at((10 + steps) * step + seconds(words.for) - step)]: [],
                [at((10 + steps) * step + seconds(words.for))]: [clinic],
              },
            },
          ]),
      { says: "is silent where it is not counted", given: [missing(series, clinic)], firing: { "1m": [], "10m": [] } },
    ],
  };
}
