// One screen: is the platform well, what is wrong, and where to look next.
import { agg, type Expr, mean, promql, sel } from "../telemetry/promql.ts";
import { countAlerts } from "./expressions.ts";
import { runbookLinks } from "./link.ts";
import {
  type Common,
  type DashboardInput,
  type DashboardLeaf,
  has,
  inOneLine,
  noneIsGood,
  type PanelSpec,
  query,
  stat,
  stateTimeline,
  type Thresholds,
  timeSeries,
  upOrDown,
} from "./panels.ts";
import { table } from "./table.ts";

export const overview: DashboardLeaf = {
  name: "overview",
  title: "Overview",
  description: "Is the platform well, what is wrong, and where to look next.",
  toldBy: () => sel("ALERTS", { alertname: "Watchdog" }),
  // Eighteen units of the grid: that is what a window of 800 pixels has room for.
  rows: (input) => [
    { panels: headline(input) },
    { panels: [wrong(input), services] },
    { panels: has(input).requests ? inOneLine(requests) : [] },
  ],
};

const window = "$__rate_interval";
/** Over five minutes: a share of few requests says little. */
const all = mean("job:http_requests_total:rate5m", window);
const failed = mean("job:http_requests_failed:rate5m", window);
const buckets = mean("job:http_request_duration_seconds_bucket:rate5m", window);
const found = mean("job_layer:cache_hits_total:rate5m", window);
const asked = mean("job:cache_requests_total:rate5m", window);
const quantile = (of: Expr): Expr => promql`histogram_quantile(0.95, ${of})`;
/** How many are down, and how many are up: a platform without any is not one that is well. */
const state = (key: string, spec: Pick<Common, "title" | "description" | "to">, up: Expr): PanelSpec =>
  stat(key, {
    ...spec,
    unit: "none",
    thresholds: noneIsGood,
    plain: ["up"],
    queries: [query(agg("sum", promql`${up} == bool 0`), "down"), query(agg("sum", up), "up")],
  });
const failing: Thresholds = ["green", [0.01, "orange"], [0.05, "red"]];

/** Each leads to the dashboard that explains it. */
function headline(input: DashboardInput): readonly PanelSpec[] {
  const { redis, postgres, integrations, requests, caches } = has(input);
  return inOneLine([
    stat("alerts-firing", {
      title: "Alerts firing",
      description: "Alerts that page or make a ticket and fire now. The table below names them.",
      unit: "none",
      thresholds: noneIsGood,
      to: ["alerts"],
      queries: [query(countAlerts(sel("ALERTS", { alertstate: "firing", severity: ["page", "ticket"] })), "firing")],
    }),
    state(
      "targets-down",
      {
        title: "Services",
        description:
          "Instances of services that did not answer when they were last asked, and those that did. The timeline below shows which.",
        to: ["stack"],
      },
      sel("up"),
    ),
    ...(integrations
      ? [
          state(
            "integrations-down",
            {
              title: "Integrations",
              description: "Third-party integrations that failed, confirmed by further attempts, and those that work.",
              to: ["integrations"],
            },
            agg("max", sel("integration_up"), "integration"),
          ),
        ]
      : []),
    ...(postgres
      ? [
          state(
            "postgres-down",
            {
              title: "PostgreSQL",
              description: "Databases that did not answer when they were last asked, and those that did.",
              to: ["postgres"],
            },
            agg("max", sel("pg_up"), "database"),
          ),
        ]
      : []),
    ...(redis
      ? [
          state(
            "redis-down",
            {
              title: "Redis",
              description: "Redis servers that did not answer when they were last asked, and those that did.",
              to: ["redis"],
            },
            agg("max", sel("redis_up"), "database"),
          ),
        ]
      : []),
    ...(requests
      ? [
          stat("requests-failed", {
            title: "Failed",
            description: "Share of all requests that ended with a server error (5xx), over five minutes.",
            unit: "percentunit",
            decimals: 1,
            min: 0,
            thresholds: failing,
            history: true,
            to: ["slos", "tracing"],
            queries: [query(promql`(${agg("sum", failed)} or vector(0)) / ${agg("sum", all)}`, "failed")],
          }),
          stat("duration", {
            title: "Answer time",
            description: "The time in which 95 % of all requests are answered, over five minutes.",
            unit: "s",
            thresholds: ["green", [0.5, "orange"], [1, "red"]],
            history: true,
            to: ["tracing"],
            queries: [query(quantile(agg("sum", buckets, "le")), "95 %")],
          }),
        ]
      : []),
    ...(caches
      ? [
          stat("found", {
            title: "From caches",
            description: "Share of what services ask their caches for that is there. What is not, their sources bear.",
            unit: "percentunit",
            decimals: 0,
            thresholds: ["blue"],
            history: true,
            emptyWhenHealthy: "Nothing asked",
            toldBy: asked,
            to: ["cache"],
            queries: [query(promql`${agg("sum", found)} / (${agg("sum", asked)} > 0)`, "found")],
          }),
        ]
      : []),
  ]);
}

/** Since when the condition of each alert holds, in seconds, with the alert's state. */
const underWay = promql`${sel("ALERTS", { alertname: { not: "Watchdog" } })} * ignoring (alertstate) group_left () (time() - ${sel("ALERTS_FOR_STATE")})`;

const wrong = ({ runbooks }: DashboardInput) =>
  table("firing", {
    ...runbookLinks("Alert", runbooks),
    title: "What is wrong",
    description:
      "Every alert that is pending or fires now, but for the one that always fires, and since when its condition holds. Pending means that it does not hold long enough yet.",
    unit: "none",
    width: 14,
    height: 7,
    emptyWhenHealthy: "Nothing is wrong: no alert is pending or firing",
    to: ["alerts"],
    queries: [
      query(
        agg(
          "max",
          underWay as Expr<"alertname" | "alertstate" | "severity" | "service" | "owner">,
          "alertname",
          "alertstate",
          "severity",
          "service",
          "owner",
        ),
        "{{alertname}}",
      ),
    ],
    columns: [
      { label: "alertname", title: "Alert" },
      { label: "alertstate", title: "State" },
      { label: "severity", title: "Severity" },
      { label: "service", title: "Service" },
      { label: "owner", title: "Owner" },
    ],
    values: [{ title: "For", unit: "dtdurations" }],
    words: {
      State: { firing: "red", pending: "orange" },
      Severity: { page: "red", ticket: "orange", info: "blue" },
    },
    sortBy: { column: "State" },
  });

const up = agg("min", sel("up"), "job");
const downNow = promql`${agg("min", promql`${sel("up")} @ end()`, "job")} == 0`;
const wasDown = promql`${agg("min", promql`min_over_time(${sel("up")}[$__range] @ end())`, "job")} == 0`;

const services = stateTimeline("services-up", {
  title: "Services that are or were down",
  description:
    "Services of which an instance did not answer a scrape within the time shown: first those that are down now. All others were up throughout.",
  unit: "none",
  states: upOrDown,
  width: 10,
  height: 7,
  emptyWhenHealthy: "Every service was up, all the time shown",
  toldBy: sel("up"),
  to: ["stack"],
  queries: [
    query(promql`${up} and on (job) (${downNow})`, "{{job}}"),
    query(promql`${up} and on (job) (${wasDown}) unless on (job) (${downNow})`, "{{job}}"),
  ],
});

const requests: readonly PanelSpec[] = [
  timeSeries("requests-by-service", {
    title: "Requests by service",
    description: "Requests that each service answers per second.",
    unit: "reqps",
    height: 7,
    to: ["gateway", "performance"],
    queries: [query(agg("sum", all, "job"), "{{job}}")],
  }),
  timeSeries("failures-by-service", {
    title: "Failed requests by service",
    description: "Share of each service's requests that ended with a server error (5xx).",
    unit: "percentunit",
    min: 0,
    height: 7,
    thresholds: ["text", [0.01, "orange"], [0.05, "red"]],
    to: ["slos", "gateway", "tracing"],
    queries: [
      query(
        promql`(${agg("sum", failed, "job")} or 0 * ${agg("sum", all, "job")}) / ${agg("sum", all, "job")}`,
        "{{job}}",
      ),
    ],
  }),
  timeSeries("duration-by-service", {
    title: "95 % of requests are faster than",
    description: "The 95th percentile of each service's answer time.",
    unit: "s",
    height: 7,
    to: ["tracing"],
    queries: [query(quantile(agg("sum", buckets, "job", "le")) as Expr<"job">, "{{job}}")],
  }),
];
