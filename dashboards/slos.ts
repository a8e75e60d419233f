// What the services that have an objective promise, how much of it they keep, and how fast they use up what is left.
import { budgetPeriod, burnWindows, objectivesOf } from "../components/config/objectives.ts";
import { agg, type Expr, promql } from "../telemetry/promql.ts";
import { allRequests, failedRequests } from "../telemetry/requests.ts";
import { type DashboardLeaf, type PanelSpec, query, stat, timeSeries } from "./panels.ts";

export const slos: DashboardLeaf = {
  name: "slos",
  title: "SLOs",
  description: "What each service promises, how much of its error budget is left, and how fast it goes.",
  opensAt: "now-7d",
  rows: ({ config, services }) =>
    objectivesOf(config, services).map(({ name, availability }) => ({
      title: `${name}: ${percent(availability)} available`,
      panels: panelsOf(name, availability),
    })),
};

const burns = `Alerts come ${burnWindows
  .map(({ severity, burn, long, short }) => `at ${burn} over ${long} and ${short} (${severity})`)
  .join(", ")}.`;

const percent = (share: number): string => `${Number((share * 100).toPrecision(8))} %`;

function panelsOf(name: string, availability: number): readonly PanelSpec[] {
  const budget = Number((1 - availability).toPrecision(6));
  /** No failure is a share of 0, where there is traffic at all. */
  const failedShare = (range: "$__range" | "$__rate_interval"): Expr =>
    promql`(${agg("sum", failedRequests(range, name))} or vector(0)) / ${agg("sum", allRequests(range, name))}`;
  return [
    stat(`${name}-available`, {
      title: `${name}: available, 30 days`,
      description: `Share of the requests of the last 30 days that did not end with a server error. The objective is ${percent(availability)}.`,
      over: budgetPeriod,
      unit: "percentunit",
      decimals: 3,
      width: 6,
      height: 8,
      thresholds: ["red", [availability, "green"]],
      queries: [query(promql`1 - ${failedShare("$__range")}`, "available")],
    }),
    stat(`${name}-budget`, {
      title: `${name}: budget left, 30 days`,
      description:
        "What is left of the failures that the objective allows in 30 days; below zero the promise is broken. Freeze risky changes before that.",
      over: budgetPeriod,
      unit: "percentunit",
      decimals: 1,
      width: 6,
      height: 8,
      thresholds: ["red", [0, "orange"], [0.25, "green"]],
      queries: [query(promql`1 - ${failedShare("$__range")} / ${budget}`, "left")],
    }),
    timeSeries(`${name}-burn`, {
      title: `${name}: burn rate`,
      description: `How many times faster than allowed the budget goes: 1 uses it up in exactly 30 days. ${burns}`,
      unit: "none",
      width: 12,
      thresholds: ["text", [1, "orange"], [14.4, "red"]],
      showThresholds: true,
      queries: [query(promql`${failedShare("$__rate_interval")} / ${budget}`, "now")],
    }),
  ];
}
