// One screen: is the platform well, what is wrong, and where to look next.
import { agg, mean, promql, rate, sel } from "../telemetry/promql.ts";
import { allRequests } from "../telemetry/requests.ts";
import { runbookLinks } from "./link.ts";
import {
  type DashboardInput,
  type DashboardLeaf,
  has,
  noneIsGood,
  type PanelSpec,
  query,
  type RowSpec,
  stat,
  stateTimeline,
  timeSeries,
  upOrDown,
} from "./panels.ts";
import { table } from "./table.ts";

export const overview: DashboardLeaf = {
  name: "overview",
  title: "Overview",
  description: "Is the platform well, what is wrong, and where to look next.",
  rows: (input) => [
    { panels: headline(input) },
    { panels: [firing(input), services] },
    { panels: parts(input) },
    requests(input),
  ],
};

const window = "$__rate_interval";
const requested = allRequests(window);
/** Over five minutes: a share of few requests says little. */
const all = mean("job:http_requests_total:rate5m", window);
const failed = mean("job:http_requests_failed:rate5m", window);

function headline(input: DashboardInput): readonly PanelSpec[] {
  const { redis, postgres, integrations, requests } = has(input);
  const databases = [
    ...(redis ? [query(agg("sum", promql`${sel("redis_up")} == bool 0`), "Redis")] : []),
    ...(postgres ? [query(agg("sum", promql`${sel("pg_up")} == bool 0`), "PostgreSQL")] : []),
  ];
  const panels = [
    stat("alerts-firing", {
      title: "Alerts firing",
      description: "Alerts that page or make a ticket and fire now. The table below names them.",
      unit: "none",
      thresholds: noneIsGood,
      queries: [
        query(
          promql`${agg("count", sel("ALERTS", { alertstate: "firing", severity: ["page", "ticket"] }))} or vector(0)`,
          "firing",
        ),
      ],
    }),
    stat("targets-down", {
      title: "Targets down",
      description: "Targets whose last scrape failed. The timeline below shows which, and since when.",
      unit: "none",
      thresholds: noneIsGood,
      queries: [query(agg("sum", promql`${sel("up")} == bool 0`), "down")],
    }),
    ...(integrations
      ? [
          stat("integrations-down", {
            title: "Integrations down",
            description: "Third-party integrations that failed, confirmed by further attempts.",
            unit: "none",
            thresholds: noneIsGood,
            queries: [query(agg("sum", promql`${sel("integration_up")} == bool 0`), "down")],
          }),
        ]
      : []),
    ...(databases.length > 0
      ? [
          stat("databases-down", {
            title: "Databases down",
            description: "Databases that did not answer when they were last asked.",
            unit: "none",
            thresholds: noneIsGood,
            queries: databases,
          }),
        ]
      : []),
    ...(requests
      ? [
          stat("requests", {
            title: "Requests",
            description: "Requests that all services answer per second.",
            unit: "reqps",
            thresholds: ["blue"],
            history: true,
            queries: [query(agg("sum", requested), "requests")],
          }),
          stat("requests-failed", {
            title: "Requests failed",
            description: "Share of requests that ended with a server error (5xx).",
            unit: "percentunit",
            min: 0,
            thresholds: ["green", [0.01, "orange"], [0.05, "red"]],
            history: true,
            queries: [query(promql`(${agg("sum", failed)} or vector(0)) / ${agg("sum", all)}`, "failed")],
          }),
        ]
      : []),
  ];
  return panels.map((panel) => ({ ...panel, width: Math.floor(24 / panels.length) }));
}

const firing = ({ runbooks }: DashboardInput) =>
  table("firing", {
    ...runbookLinks("Alert", runbooks),
    title: "What is wrong",
    description:
      "Every alert that is pending or fires now, but for the one that always fires. Pending means that its condition holds, but not long enough yet.",
    unit: "none",
    emptyWhenHealthy: "Nothing is wrong: no alert is pending or firing",
    queries: [
      query(
        agg(
          "max",
          sel("ALERTS", { alertname: { not: "Watchdog" } }),
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
    values: [null],
    words: {
      State: { firing: "red", pending: "orange" },
      Severity: { page: "red", ticket: "orange", info: "blue" },
    },
    sortBy: { column: "State" },
  });

const services = stateTimeline("services-up", {
  title: "Services",
  description: "Each scraped service over time: up while every one of its instances answers the scrape.",
  unit: "none",
  states: upOrDown,
  queries: [query(agg("min", sel("up"), "job"), "{{job}}")],
});

function parts(input: DashboardInput): readonly PanelSpec[] {
  const { redis, postgres, integrations } = has(input);
  const panels = [
    ...(redis
      ? [
          timeSeries("redis-commands", {
            title: "Redis: commands",
            description: "Commands that each Redis processes per second.",
            unit: "ops",
            height: 7,
            queries: [query(agg("sum", rate("redis_commands_processed_total", window), "database"), "{{database}}")],
          }),
        ]
      : []),
    ...(postgres
      ? [
          timeSeries("postgres-connections", {
            title: "PostgreSQL: connections",
            description:
              "Share of the connections that each PostgreSQL accepts which are taken; at 100 % new clients are refused.",
            unit: "percentunit",
            min: 0,
            height: 7,
            thresholds: ["text", [0.8, "orange"], [0.95, "red"]],
            queries: [
              query(
                promql`${agg("sum", sel("pg_connections"), "database")} / ${agg("max", sel("pg_connections_limit"), "database")}`,
                "{{database}}",
              ),
            ],
          }),
        ]
      : []),
    ...(integrations
      ? [
          timeSeries("integration-response", {
            title: "Integrations: response time",
            description: "Mean time of a successful attempt against each integration.",
            unit: "s",
            height: 7,
            queries: [
              query(
                promql`${agg("sum", rate("integration_response_duration_seconds_sum", window), "integration")} / ${agg("sum", rate("integration_response_duration_seconds_count", window), "integration")}`,
                "{{integration}}",
              ),
            ],
          }),
        ]
      : []),
  ];
  return panels.map((panel) => ({ ...panel, width: Math.floor(24 / panels.length) }));
}

function requests(input: DashboardInput): RowSpec {
  if (!has(input).requests) return { panels: [] };
  return {
    title: "Services that answer requests",
    panels: [
      timeSeries("requests-by-service", {
        title: "Requests by service",
        description: "Requests that each service answers per second.",
        unit: "reqps",
        width: 8,
        height: 7,
        queries: [query(agg("sum", requested, "job"), "{{job}}")],
      }),
      timeSeries("failures-by-service", {
        title: "Failed requests by service",
        description: "Share of each service's requests that ended with a server error (5xx).",
        unit: "percentunit",
        min: 0,
        width: 8,
        height: 7,
        thresholds: ["text", [0.01, "orange"], [0.05, "red"]],
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
        width: 8,
        height: 7,
        queries: [
          query(
            promql`histogram_quantile(0.95, ${agg("sum", mean("job:http_request_duration_seconds_bucket:rate5m", window), "job", "le")})`,
            "{{job}}",
          ),
        ],
      }),
    ],
  };
}
