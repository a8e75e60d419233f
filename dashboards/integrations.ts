// Third parties: how each is, on whose side a failure is, where the time goes, what vendors say, and what asking costs.
import { probePhases, type Status } from "../telemetry/catalogue/integrations.ts";
import { agg, type CounterSeries, mean, promql, rate, type Series, sel } from "../telemetry/promql.ts";
import { orNone } from "./expressions.ts";
import { announced, chosen, noFeed, ownFailures, side, status } from "./integration-states.ts";
import {
  type AnnotationSpec,
  type DashboardLeaf,
  exemplars,
  has,
  noneIsGood,
  query,
  type RowSpec,
  stat,
  timeSeries,
  upOrDown,
} from "./panels.ts";
import { table } from "./table.ts";
import { labelVariable } from "./variables.ts";

export const integrations: DashboardLeaf = {
  name: "integrations",
  title: "Integrations",
  description: "Third parties: how each is, whose side a failure is on, where the time goes, what the vendors say.",
  opensAt: "now-6h",
  variables: () => [
    labelVariable({
      name: "integration",
      label: "Integration",
      description: "The integrations that the panels show.",
      metric: "integration_probe_interval_seconds",
    }),
  ],
  annotations: () => annotations,
  toldBy: () => sel("integration_up", chosen),
  rows: (input) => (has(input).integrations ? [headline, verdicts, response, vendors, cost] : []),
};

type OfIntegrations = Extract<Series, `integration_${string}`>;
const window = "$__rate_interval";
// `max` and `sum`: two exporters that probe the same say the same, and ask twice.
const each = (series: Exclude<OfIntegrations, "integration_prober_online">) =>
  agg("max", sel(series, chosen), "integration");
const perSecond = (series: Extract<CounterSeries, OfIntegrations>) =>
  agg("sum", rate(series, window, chosen), "integration");
const probes = mean("integration:integration_probes_total:rate5m", window, chosen);
const withStatus = (...status: readonly Status[]) =>
  agg("max", sel("integration_status", { ...chosen, status }), "integration");

const annotations: readonly AnnotationSpec[] = [
  {
    name: "Vendors' incidents",
    colour: "orange",
    query: query(promql`${each("integration_vendor_incidents")} > 0`, "Incident at the vendor of {{integration}}"),
  },
  {
    name: "Maintenance",
    colour: "blue",
    query: query(promql`${withStatus("maintenance")} > 0`, "{{integration}} is in maintenance"),
  },
];

const headline: RowSpec = {
  panels: [
    stat("unhealthy", {
      title: "Down",
      description: "Integrations that are confirmed down now; those in maintenance are not among them.",
      unit: "none",
      thresholds: noneIsGood,
      queries: [query(agg("sum", withStatus("unhealthy")), "down")],
    }),
    stat("unwell", {
      title: "Not well",
      description:
        "Integrations that are degraded, that cannot be checked, or that are not known because we are offline.",
      unit: "none",
      thresholds: ["green", [1, "orange"]],
      queries: [query(agg("sum", withStatus("degraded", "unknown", "error")), "unwell")],
    }),
    stat("maintenance", {
      title: "In maintenance",
      description: "Integrations that do not work while a maintenance is planned by us or announced by the vendor.",
      unit: "none",
      thresholds: ["text", [1, "blue"]],
      queries: [query(agg("sum", withStatus("maintenance")), "maintenance")],
    }),
    stat("online", {
      title: "Our own network",
      description: "Whether we reach the anchors on the internet. While we do not, no integration is called down.",
      unit: "none",
      states: { 1: ["Online", "green"], 0: ["Offline", "red"] },
      emptyWhenHealthy: "Not asked yet",
      queries: [query(agg("min", sel("integration_prober_online")), "online")],
    }),
    stat("certificate", {
      title: "Next certificate",
      description: "Time until the first certificate that was seen expires. An alert comes two weeks before.",
      unit: "s",
      thresholds: ["red", [7 * 86_400, "orange"], [14 * 86_400, "green"]],
      emptyWhenHealthy: "No certificate seen",
      queries: [
        query(agg("min", promql`${each("integration_certificate_expiry_timestamp_seconds")} - time()`), "expires"),
      ],
    }),
    stat("feed-age", {
      title: "Oldest feed",
      description:
        "Time since each status feed was read, of the one where it is longest. Feeds are read each minute unless they say otherwise.",
      unit: "s",
      thresholds: ["green", [3_600, "orange"], [86_400, "red"]],
      emptyWhenHealthy: noFeed,
      queries: [query(agg("max", promql`time() - ${each("integration_feed_last_success_timestamp_seconds")}`), "age")],
    }),
  ],
};

const verdicts: RowSpec = {
  title: "Verdicts",
  panels: [
    status,
    side,
    table("integrations", {
      title: "Every integration",
      description:
        "The confirmed verdict, the share of the time shown that it was up, and what else is known. Announced after: how much later than us the vendor told of the last outage.",
      unit: "none",
      width: 24,
      columns: [{ label: "integration", title: "Integration" }],
      queries: [
        query(each("integration_up"), "up"),
        query(agg("avg", promql`avg_over_time(${sel("integration_up", chosen)}[$__range])`, "integration"), "uptime"),
        query(promql`1000 * ${each("integration_last_success_timestamp_seconds")}`, "success"),
        query(promql`${each("integration_certificate_expiry_timestamp_seconds")} - time()`, "certificate"),
        query(each("integration_announcement_delay_seconds"), "announced"),
        query(each("integration_probe_interval_seconds"), "interval"),
      ],
      values: [
        { title: "Verdict", states: upOrDown },
        { title: "Uptime", unit: "percentunit", decimals: 3, thresholds: ["red", [0.99, "orange"], [0.999, "green"]] },
        { title: "Worked last", unit: "dateTimeFromNow" },
        { title: "Certificate ends in", unit: "s" },
        { title: "Announced after", unit: "s" },
        { title: "Asked every", unit: "s" },
      ],
      sortBy: { column: "Integration" },
    }),
  ],
};

const response: RowSpec = {
  title: "Attempts",
  panels: [
    timeSeries("slowest", {
      title: "95 % of attempts are faster than",
      description:
        "The 95th percentile of the time of a successful attempt. Each point is an attempt that leads to its trace.",
      unit: "s",
      width: 8,
      queries: [
        query(
          promql`histogram_quantile(0.95, ${agg("sum", mean("integration:integration_response_duration_seconds_bucket:rate5m", window, chosen), "integration", "le")})`,
          "{{integration}}",
        ),
        exemplars(sel("integration_response_duration_seconds_bucket", chosen)),
      ],
    }),
    timeSeries("phases", {
      title: "Where the time goes",
      description: "Mean time of an attempt by its parts, over the chosen integrations. Choose one to see its own.",
      unit: "s",
      width: 8,
      stacked: true,
      queries: probePhases.map((phase) =>
        query(
          promql`${agg("sum", mean("integration_phase:integration_probe_duration_seconds_sum:rate5m", window, { ...chosen, phase }))} / ${agg("sum", probes)}`,
          phase,
        ),
      ),
    }),
    timeSeries("failures", {
      title: "Failed attempts",
      description: "Attempts that failed per second, by cause, unconfirmed ones included.",
      unit: "cps",
      width: 8,
      queries: [
        query(
          orNone(
            sel("integration_probe_interval_seconds", chosen),
            promql`${agg("sum", mean("integration_cause:integration_probe_failures_total:rate5m", window, chosen), "integration", "cause")} > 0`,
            "integration",
          ),
          "{{integration}} {{cause}}",
        ),
      ],
    }),
  ],
};

const vendors: RowSpec = {
  title: "What vendors say",
  panels: [
    announced,
    ownFailures,
    timeSeries("feeds", {
      title: "Feeds that cannot be read",
      description: "Requests for a status feed that failed per second, by cause, and values in it that nobody knows.",
      width: 24,
      height: 5,
      unit: "cps",
      emptyWhenHealthy: "Every feed is read and understood",
      queries: [
        query(
          promql`${agg("sum", rate("integration_feed_failures_total", window, chosen), "integration", "cause")} > 0`,
          "{{integration}} {{cause}}",
        ),
        query(promql`${perSecond("integration_feed_unknown_values_total")} > 0`, "{{integration}} unknown values"),
      ],
    }),
  ],
};

const cost: RowSpec = {
  title: "What asking costs",
  panels: [
    timeSeries("budget", {
      title: "Budget used",
      description:
        "Share of the calls that the budget of each integration allows. Confirmations of a failure count, too.",
      unit: "percentunit",
      min: 0,
      width: 8,
      thresholds: ["text", [0.8, "orange"], [1, "red"]],
      showThresholds: true,
      queries: [
        query(
          promql`${agg("sum", probes, "integration")} / ${each("integration_budget_calls_per_second")}`,
          "{{integration}}",
        ),
      ],
    }),
    timeSeries("bytes", {
      title: "Traffic",
      description: "Bytes per second that attempts over HTTP sent and received, TLS included.",
      unit: "Bps",
      width: 8,
      queries: [query(perSecond("integration_probe_bytes_total"), "{{integration}}")],
    }),
    timeSeries("skipped", {
      title: "Turns left out",
      description:
        "Attempts per second that were left out: the budget was spent, or the one before was still under way.",
      unit: "cps",
      width: 8,
      queries: [query(perSecond("integration_probes_skipped_total"), "{{integration}}")],
    }),
  ],
};
