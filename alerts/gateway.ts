// The API front, and the event loop of every service on Node: slow answers, upstreams that fail, no room left. What it fails to answer is its objective's.
import { type Duration, seconds } from "../components/units.ts";
import { agg, type Expr, promql, rate, sel } from "../telemetry/promql.ts";
import { type Alert, fillLabels, given, type Labels, limited, missing, type Unit } from "./rule.ts";
import { counted, sharing } from "./share.ts";

const panel = { dashboard: "vitals-gateway" } as const;
const common = { owner: "platform", panel, severity: "ticket" } as const;
const job = "gateway";
const own = { job } as const;
const at = (ordinal: number) => ({ job, instance: `${job}-${ordinal}` });
const other = { job: "clinical-service", instance: "clinical-service-0" } as const;

const requests = agg("sum", rate("http_request_duration_seconds_count", "5m", own));
const fast = agg("sum", rate("http_request_duration_seconds_bucket", "5m", { ...own, le: "0.5" }));
const timed = { method: "GET", route: "/api/v1/patients", status_code: "200" } as const;

const upstream = { upstream: "clinical-service" } as const;
const unanswered = rate("upstream_request_failures_total", "5m", own);
const answered = (where: { readonly status_code?: { readonly matches: string } }) =>
  rate("upstream_requests_total", "5m", { ...own, ...where });
const called = { ...upstream, method: "GET" } as const;

export const gatewayAlerts: readonly Alert[] = [
  sharing({
    ...common,
    name: "GatewaySlow",
    measures: "Slow answers",
    service: job,
    traces: job,
    part: promql`${requests} - ${fast}`,
    whole: requests,
    limit: 0.05,
    // Fifteen in five minutes.
    least: 0.05,
    summary: "Too many of the gateway's answers take longer than half a second.",
    action:
      "See which routes are slow on the dashboard, and open a slow trace: it tells which part of the way takes the time.",
    given: (ordinal, phases) => [
      given(
        "http_request_duration_seconds_count",
        { ...timed, ...at(ordinal) },
        counted(phases, ([, , all]) => all),
      ),
      given(
        "http_request_duration_seconds_bucket",
        { ...timed, ...at(ordinal), le: "0.5" },
        counted(phases, ([, slow, all]) => all - slow),
      ),
      given(
        "http_request_duration_seconds_bucket",
        { ...timed, ...at(ordinal), le: "0.25" },
        counted(phases, ([, slow, all]) => (all - slow) / 2),
      ),
    ],
    others: [
      given("http_request_duration_seconds_count", { ...timed, ...other }, "0+1500x150"),
      given("http_request_duration_seconds_bucket", { ...timed, ...other, le: "0.5" }, "0+15x150"),
    ],
    missing: missing("http_request_duration_seconds_bucket", { ...timed, le: "0.5" }),
    firing: {},
    told: "Too many of the gateway's answers take longer than half a second.",
  }),
  sharing({
    ...common,
    name: "GatewayUpstreamFailing",
    measures: "Failed requests",
    service: "{{ $labels.upstream }}",
    traces: job,
    part: agg("sum", promql`${unanswered} or ${answered({ status_code: { matches: "5.." } })}`, "upstream"),
    whole: agg("sum", promql`${unanswered} or ${answered({})}`, "upstream"),
    limit: 0.05,
    least: 0.05,
    summary: "{{ $labels.upstream }} fails what the gateway asks of it, or does not answer in time.",
    action:
      "Look at its log and its traces; the gateway's dashboard tells whether it answers with errors or not at all.",
    given: (ordinal, phases) => [
      given(
        "upstream_request_failures_total",
        { ...upstream, ...at(ordinal) },
        counted(phases, ([, failed]) => failed / 2),
      ),
      given(
        "upstream_requests_total",
        { ...called, status_code: "503", ...at(ordinal) },
        counted(phases, ([, failed]) => failed / 2),
      ),
      given(
        "upstream_requests_total",
        { ...called, status_code: "200", ...at(ordinal) },
        counted(phases, ([, failed, all]) => all - failed),
      ),
    ],
    others: [
      given("upstream_request_failures_total", { ...upstream, ...other }, "0+1500x150"),
      given("upstream_requests_total", { ...called, status_code: "503", ...other }, "0+1500x150"),
      given(
        "upstream_requests_total",
        { ...called, upstream: "business-service", status_code: "200", ...at(0) },
        "0+1500x150",
      ),
    ],
    missing: missing("upstream_request_failures_total", upstream),
    firing: upstream,
    told: "clinical-service fails what the gateway asks of it, or does not answer in time.",
  }),
  above({
    name: "UpstreamPoolExhausted",
    measures: "Waiting requests",
    series: "upstream_pool_waiting_requests",
    by: ["job", "upstream"],
    limit: 0,
    unit: "number",
    for: "2m",
    labels: { job, ...upstream },
    shown: "1",
    summary: "Requests of {{ $labels.job }} wait for a connection to {{ $labels.upstream }}.",
    action:
      "See whether the upstream has become slow; if it has not, there is more to do than one process has connections for.",
  }),
  above({
    panel: { dashboard: "vitals-stack" },
    name: "EventLoopBlocked",
    measures: "99th percentile of the delay",
    series: "nodejs_eventloop_delay_p99_seconds",
    by: ["job"],
    limit: 0.2,
    unit: "seconds",
    for: "5m",
    labels: own,
    shown: "218ms",
    summary: "Something holds up the event loop of {{ $labels.job }}: every request waits for it.",
    action: "Look for work that does not yield: a large answer, a large body, a long loop; a CPU profile names it.",
  }),
  above({
    panel: { dashboard: "vitals-stack" },
    name: "EventLoopBusy",
    measures: "Busy",
    series: "nodejs_eventloop_utilization_ratio",
    by: ["job"],
    limit: 0.9,
    unit: "ratio",
    for: "5m",
    labels: own,
    shown: "98.1%",
    summary: "{{ $labels.job }} has hardly any time left: its event loop is busy nearly always.",
    action: "Add a replica, or see which requests have become more or costlier.",
  }),
];

type Watched =
  | "upstream_pool_waiting_requests"
  | "nodejs_eventloop_delay_p99_seconds"
  | "nodejs_eventloop_utilization_ratio";

interface Above extends Pick<Alert, "name" | "measures" | "summary" | "action">, Partial<Pick<Alert, "panel">> {
  readonly series: Watched;
  readonly by: readonly ("job" | "upstream")[];
  /** The worst process of a service is above it. */
  readonly limit: number;
  readonly unit: Unit;
  readonly for: Duration;
  readonly labels: Labels;
  /** 9 % more than the limit, or 1 for a limit of 0, as the message writes it. */
  readonly shown: string;
}

/** A measure of a process that is too high for a while, in the worst process of a service. */
function above({ series, by, limit, unit, for: held, labels, shown, ...alert }: Above): Alert {
  const worst = agg("max", sel(series) as Expr<"job" | "upstream">, ...by);
  const made = limited(limit, unit, (value) => promql`${worst} > ${value}`);
  const values = (ordinal: number, text: string) =>
    given(series, { ...labels, instance: `${labels.job}-${ordinal}` } as object, text);
  const over = limit === 0 ? 1 : Number((1.09 * limit).toPrecision(6));
  const samples = seconds(held) / 15;
  const at = (sample: number): Duration => `${15 * sample}s`;
  return {
    ...common,
    ...alert,
    ...made,
    service: "{{ $labels.job }}",
    traces: "{{ $labels.job }}",
    for: held,
    keepFiringFor: "2m",
    equivalent:
      limit === 0 ? { "0 max -> sum": "A sum of what is never below 0 is above it exactly when its maximum is." } : {},
    proofs: [
      {
        says: "fires when one process has been above the limit for its time, and resolves two minutes after none is",
        given: [
          values(0, `${limit}x3 ${over}x${samples + 3} ${limit}x40`),
          values(1, `${limit / 2}x3 ${limit / 2}x${samples + 44}`),
        ],
        firing: {
          [at(samples + 3)]: [],
          [at(samples + 4)]: [labels],
          [at(samples + 15)]: [labels],
          [at(samples + 16)]: [],
        },
        text: { at: at(samples + 4), summary: fillLabels(alert.summary, labels), value: shown },
      },
      {
        says: "is silent at the limit, of however many processes, and for what is over soon",
        given: [
          values(0, `${limit}x60`),
          values(1, `${limit}x60`),
          given(series, { ...labels, job: "other", instance: "other-0" } as object, `${limit}x3 ${over}x4 ${limit}x50`),
        ],
        firing: { "2m": [], "8m": [], "14m": [] },
      },
      {
        says: "is silent where nothing tells of it",
        given: [missing(series, labels as object)],
        firing: { "6m": [], "9m": [] },
      },
    ],
  };
}
