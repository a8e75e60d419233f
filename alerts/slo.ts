// Availability of the services that have an objective: how fast they burn their error budget, over four pairs of windows.

import { burnWindows, type Objective } from "../components/config/objectives.ts";
import { type Duration, seconds } from "../components/units.ts";
import { panelId } from "../dashboards/link.ts";
import { agg, type Expr, promql } from "../telemetry/promql.ts";
import { allRequests, failedRequests } from "../telemetry/requests.ts";
import { type Alert, counter, type Given, given, metByChance, missing, type Proof } from "./rule.ts";

type Pair = (typeof burnWindows)[number];
type Window = Pair & {
  readonly for: Duration;
  readonly keep: Duration;
  /** Time between two evaluations, in the unit tests. */
  readonly step: Duration;
};

const held: Readonly<Record<Pair["long"], Omit<Window, keyof Pair>>> = {
  "1h": { for: "1m", keep: "2m", step: "30s" },
  "6h": { for: "5m", keep: "5m", step: "1m" },
  "1d": { for: "15m", keep: "15m", step: "3m" },
  "3d": { for: "30m", keep: "30m", step: "6m" },
};

export const windows: readonly Window[] = burnWindows.map((pair) => ({ ...pair, ...held[pair.long] }));

/** Fewer failed requests than this in the long window say nothing: a service with little traffic would page for one. */
const minimumFailures = 10;

/** One window of every objective. A limit of 1 or more could never be passed, and gives no alert. */
export const burnAlerts = (window: Window, objectives: readonly Objective[]): readonly Alert[] =>
  objectives.filter((objective) => limitOf(objective, window) < 1).map((objective) => burning(objective, window));

// Without the rounding 1 - 0.999 would stand in the rule as 0.0010000000000000009.
const limitOf = ({ availability }: Objective, { burn }: Window): number =>
  Number(((1 - availability) * burn).toPrecision(6));

const statusLabels = ["code", "status", "status_code"] as const;
type Status = (typeof statusLabels)[number];

const failures = (job: string, range: Duration): Expr<"job"> => agg("sum", failedRequests(range, job), "job");

const ratio = (job: string, range: Duration): Expr<"job"> =>
  promql`${failures(job, range)} / ${agg("sum", allRequests(range, job), "job")}`;

function burning(objective: Objective, window: Window): Alert {
  const { name, owner, availability } = objective;
  const limit = limitOf(objective, window);
  // A little less: the product of a rate and its range need not be a whole number.
  const enough = promql`${failures(name, window.long)} * ${seconds(window.long)} > ${minimumFailures - 0.05}`;
  const expr = promql`${ratio(name, window.short)} > ${limit} and ${ratio(name, window.long)} > ${limit} and ${enough}`;
  return {
    name: "ErrorBudgetBurn",
    measures: "Failed requests",
    expr,
    for: window.for,
    keepFiringFor: window.keep,
    severity: window.severity,
    owner,
    service: name,
    labels: { window: window.long },
    summary: `${name} uses its error budget ${window.burn} times faster than its objective of ${percent(availability)} allows, over ${window.long} and ${window.short}.`,
    action: "Look at which routes fail since when, and at what was deployed or failed then.",
    panel: { dashboard: "vitals-slos", id: panelId(`${name}-burn`) },
    traces: name,
    unit: "ratio",
    proofs: proofsOf(objective, window, limit),
    equivalent: {
      ...oneJobIsEnough(expr.text),
      ...metByChance(expr.text),
    },
  };
}

/** Each selector names the job to read less; without any single one of them the joins still leave this job alone. */
const oneJobIsEnough = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...text.matchAll(/job="[^"]*"(?:, )?/g)].map(({ index, 0: matcher }) => [
      `${index} ${matcher} -> nothing`,
      "Every other selector names the job, and all of them are joined on it.",
    ]),
  );

const percent = (share: number): string => `${Number((share * 100).toPrecision(8))} %`;

/** Time is counted in samples, five to a short window, of which a range sees four increments. */
function proofsOf({ name }: Objective, window: Window, limit: number): readonly [Proof, ...Proof[]] {
  const target = { job: name, instance: `${name}-0` };
  const step: Duration = `${seconds(window.short) / 5}s`;
  const [sample, held, kept, tick] = [step, window.for, window.keep, window.step].map(seconds) as [
    number,
    number,
    number,
    number,
  ];
  const at = (samples: number, more = 0): Duration => `${samples * sample + more}s`;
  const firing = [{ job: name }];
  const requests = 1_000_000;
  const requestsWith = (status: Status, code: string, values: string) =>
    given("http_requests_total", { ...target, [status]: code }, values);
  const each = (share: number): number => Math.round(requests * share);
  /** A third with each name of the status label, so that all three count and only their sum does. */
  const spread = (of: (status: Status) => readonly Given[]): readonly Given[] => statusLabels.flatMap(of);
  /** Phases of so many samples, each with its share of failures and its part of the usual traffic. */
  const phases = (
    ...parts: readonly (readonly [samples: number, share: number, traffic?: number])[]
  ): readonly Given[] =>
    spread((status) => [
      requestsWith(
        status,
        "200",
        counter(parts.map(([samples, share, traffic = 1]) => [samples, traffic * (requests - each(share))])),
      ),
      requestsWith(
        status,
        "503",
        counter(parts.map(([samples, share, traffic = 1]) => [samples, traffic * each(share)])),
      ),
    ]);
  /** One failure a sample, three with each label, and one more with the last when there are ten. */
  const single = (last: number): readonly Given[] =>
    ([0, 3, 6] as const).map((start, index) => {
      const count = index === 2 ? last : 3;
      return requestsWith(statusLabels[index] ?? "status", "503", `0x${start} 1+1x${count - 1} ${count}x60`);
    });
  const steady = (share: number) => phases([75, share]);
  const high = Math.min(limit * 1.9, (limit + 1) / 2);
  // How many samples after the change the short window is under the limit.
  const quiet = [0, 1, 2, 3, 4].findIndex((index) => (high * (4 - index) + limit * 0.9 * index) / 4 < limit);
  const last = at(60 + quiet, kept - tick);
  return [
    {
      says: "fires when both windows burn, and resolves when the short one is just under the limit",
      step,
      given: phases([60, high], [15, limit * 0.9]),
      firing: {
        [at(1, held - tick)]: [],
        [at(1, held)]: firing,
        [at(60)]: firing,
        [last]: firing,
        [at(60 + quiet, kept)]: [],
      },
    },
    {
      says: "is silent while the short window alone burns",
      step,
      given: phases([59, limit * 0.85], [5, high]),
      firing: { [at(61)]: [], [at(63)]: [], [at(64)]: [] },
    },
    // Nearly everything fails where the limit is that high: then there is no room for what these two show.
    ...(limit * 2.5 < 1
      ? [
          {
            says: "counts what failed in the older half of the short window, and the traffic of no time before it",
            step,
            given: phases([30, limit * 2.2], [26, limit * 0.9], [2, limit * 2.4, 0.25], [12, 0, 0.25]),
            firing: { [at(60)]: firing, [at(61, kept - tick)]: firing, [at(61, kept)]: [] },
          },
          {
            says: "counts what failed in the older half of the long window",
            step,
            given: phases([25, limit * 2.41], [29, 0], [6, limit * 1.5]),
            firing: { [at(54)]: [], [at(59)]: firing },
          },
        ]
      : []),
    {
      says: "is silent just under the limit",
      step,
      given: steady(limit * 0.99),
      firing: { [at(1, held)]: [], [at(30)]: [], [at(75)]: [] },
    },
    {
      says: "fires just over the limit",
      step,
      given: steady(Math.min(limit * 1.01, (limit + 1) / 2)),
      firing: { [at(30)]: firing },
    },
    {
      says: "is silent for one failure too few, whatever its share",
      step,
      given: [...single(3), requestsWith("status", "200", "0+1x2 2x72")],
      firing: { [at(2, held)]: [], [at(9, held)]: [], [at(12, held)]: [] },
    },
    {
      says: "fires from the tenth failure on",
      step,
      given: [...single(4), requestsWith("status", "200", "0x75")],
      firing: { [at(minimumFailures, held - tick)]: [], [at(minimumFailures, held)]: firing },
    },
    {
      says: "is silent without traffic and for a service that is not there",
      step,
      given: [
        requestsWith("status", "200", "5x75"),
        requestsWith("status", "503", "5x75"),
        missing("http_requests_total", { job: `${name}-other` }),
      ],
      firing: { [at(1, held)]: [], [at(70)]: [] },
    },
  ];
}
