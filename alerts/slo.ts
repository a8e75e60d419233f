// Availability of the services that have an objective: how fast they burn their error budget, over the four pairs of windows of
// https://sre.google/workbook/alerting-on-slos/#6-multiwindow-multi-burn-rate-alerts.
import { type Duration, seconds } from "../components/units.ts";
import { agg, type Expr, promql, rate } from "../telemetry/promql.ts";
import { type Alert, given, missing, type Proof, type Severity } from "./rule.ts";

export interface Objective {
  readonly name: string;
  readonly owner: string;
  /** The share of good requests, such as 0.999. */
  readonly availability: number;
}

interface Window {
  readonly severity: Severity;
  readonly long: Duration;
  readonly short: Duration;
  /** How many times faster than allowed the budget goes. */
  readonly burn: number;
  readonly for: Duration;
  readonly keep: Duration;
}

/** `for` is two evaluations or more; the windows themselves do the smoothing. */
const windows: readonly Window[] = [
  { severity: "page", long: "1h", short: "5m", burn: 14.4, for: "1m", keep: "2m" },
  { severity: "page", long: "6h", short: "30m", burn: 6, for: "5m", keep: "5m" },
  { severity: "ticket", long: "1d", short: "2h", burn: 3, for: "15m", keep: "15m" },
  { severity: "ticket", long: "3d", short: "6h", burn: 1, for: "30m", keep: "30m" },
];

/** Fewer failed requests than this in the long window say nothing: a service with little traffic would page for one. */
export const minimumFailures = 10;

export const sloAlerts = (objectives: readonly Objective[]): readonly Alert[] =>
  objectives.flatMap((objective) => windows.map((window) => burning(objective, window)));

const failures = (job: string, range: Duration): Expr<"job"> =>
  agg(
    "sum",
    // A series has one of the three labels; `or` keeps one that has two from being counted twice.
    promql`${rate("http_requests_total", range, { job, code: { matches: "5.." } })} or ${rate("http_requests_total", range, { job, status: { matches: "5.." } })} or ${rate("http_requests_total", range, { job, status_code: { matches: "5.." } })}`,
    "job",
  );

const ratio = (job: string, range: Duration): Expr<"job"> =>
  promql`${failures(job, range)} / ${agg("sum", rate("http_requests_total", range, { job }), "job")}`;

function burning(objective: Objective, window: Window): Alert {
  const { name, owner, availability } = objective;
  // Without the rounding 1 - 0.999 would stand in the rule as 0.0010000000000000009.
  const allowed = Number(((1 - availability) * window.burn).toPrecision(6));
  const enough = promql`${failures(name, window.long)} * ${seconds(window.long)} >= ${minimumFailures}`;
  return {
    name: "ErrorBudgetBurn",
    expr: promql`${ratio(name, window.short)} > ${allowed} and ${ratio(name, window.long)} > ${allowed} and ${enough}`,
    for: window.for,
    keepFiringFor: window.keep,
    severity: window.severity,
    owner,
    service: name,
    labels: { window: window.long },
    summary: `${name} uses its error budget ${window.burn} times faster than its objective of ${percent(availability)} allows, over ${window.long} and ${window.short}.`,
    action: "Look at which routes fail since when, and at what was deployed or failed then.",
    panel: { dashboard: "vitals-overview" },
    proofs: proofsOf(objective, window, allowed),
  };
}

const percent = (share: number): string => `${Number((share * 100).toPrecision(8))} %`;

/** One value a minute. Traffic runs from the start; the failing share of it begins one long window later. */
function proofsOf({ name }: Objective, window: Window, allowed: number): readonly [Proof, ...Proof[]] {
  const target = { job: name, instance: `${name}-0` };
  const firing = [{ job: name }];
  const perMinute = 6000;
  const good = (values: string) => given("http_requests_total", { ...target, status: "200" }, values);
  const bad = (values: string, label: "code" | "status" | "status_code" = "status") =>
    given("http_requests_total", { ...target, [label]: "503" }, values);
  const minutes = seconds(window.long) / 60;
  const held = seconds(window.for) / 60;
  const at = (minute: number): Duration => `${minute}m`;
  const share = (of: number): number => Math.ceil(perMinute * allowed * of);
  const whole = minutes + held + 10;
  return [
    {
      says: "fires when both windows burn, `for` after the long one is over the limit",
      step: "1m",
      given: [good(`0+${perMinute}x${whole}`), bad(`0+${share(1.5)}x${whole}`)],
      firing: { [at(held)]: [], [at(held + 1)]: firing, [at(whole)]: firing },
    },
    ...(["code", "status_code"] as const).map((label) => ({
      says: `reads the status from the label ${label} as well`,
      step: "1m" as const,
      given: [good(`0+${perMinute}x${held + 5}`), bad(`0+${share(1.5)}x${held + 5}`, label)],
      firing: { [at(held)]: [], [at(held + 1)]: firing },
    })),
    {
      says: "is silent just under the limit",
      step: "1m",
      given: [good(`0+${perMinute}x${whole}`), bad(`0+${Math.floor(perMinute * allowed * 0.98)}x${whole}`)],
      firing: { [at(held + 1)]: [], [at(whole)]: [] },
    },
    {
      says: "is silent for too few failures, whatever their share",
      step: "1m",
      given: [good("0x40"), bad(`0 1+1x${minimumFailures - 3} ${minimumFailures - 2}x30`)],
      firing: { [at(held + 1)]: [], [at(held + 5)]: [] },
    },
    {
      says: "is silent without traffic and for a service that is not there",
      step: "1m",
      given: [good("5x60"), bad("5x60"), missing("http_requests_total", { job: `${name}-other` })],
      firing: { [at(held + 1)]: [], "45m": [] },
    },
  ];
}
