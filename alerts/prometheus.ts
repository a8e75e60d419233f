// Prometheus at work: alerts that it drops or has nobody to send to, rules that it skips, pages that it refuses, a database that it cannot write.
import { type Expr, promql, sel } from "../telemetry/promql.ts";
import { recurring } from "./recurring.ts";
import { type Alert, type Given, given, missing } from "./rule.ts";

const panel = { dashboard: "vitals-overview" } as const;
const target = { job: "prometheus", instance: "prometheus-0" } as const;
const common = { severity: "ticket", owner: "platform", service: "{{ $labels.job }}", panel } as const;

const discovered = (values: string, instance = "prometheus-0"): Given =>
  given("prometheus_notifications_alertmanagers_discovered", { ...target, instance }, values);

const undiscovered: Alert = {
  ...common,
  name: "AlertmanagerUndiscovered",
  expr: promql`${sel("prometheus_notifications_alertmanagers_discovered")} == 0`,
  // Prometheus knows no target in the first moments after its own start.
  for: "2m",
  keepFiringFor: "1m",
  severity: "page",
  summary: "{{ $labels.instance }} knows no Alertmanager, so its alerts reach nobody.",
  action: "Compare the service discovery page of Prometheus with the Alertmanagers that run.",
  proofs: [
    {
      says: "fires two minutes after the last Alertmanager is gone, and resolves a minute after one is there",
      given: [discovered("1x3 0x11 1x40"), discovered("1x60", "prometheus-1")],
      firing: { "2m45s": [], "3m": [target], "3m45s": [target], "4m45s": [target], "5m": [] },
      text: {
        at: "3m",
        summary: "prometheus-0 knows no Alertmanager, so its alerts reach nobody.",
        value: "0",
      },
    },
    {
      says: "is silent while a Prometheus starts, and where there are fewer than before",
      given: [discovered("0x5 1x60"), discovered("3x10 1x60", "prometheus-1")],
      firing: { "1m15s": [], "2m": [], "9m": [] },
    },
    {
      says: "is silent where Prometheus is not watched",
      given: [missing("prometheus_notifications_alertmanagers_discovered", target)],
      firing: { "3m": [], "9m": [] },
    },
  ],
};

const broken = [
  "prometheus_tsdb_wal_writes_failed_total",
  "prometheus_tsdb_wal_corruptions_total",
  "prometheus_tsdb_compactions_failed_total",
  "prometheus_tsdb_head_truncations_failed_total",
] as const;
const times = (series: (typeof broken)[number]): Expr => promql`increase(${sel(series)}[1h])`;
const [writes, corruptions, compactions, truncations] = broken;
/** All four, of which one or the other goes as `values` say. */
const failures = (values: string, ...of: readonly (typeof broken)[number][]): readonly Given[] =>
  broken.map((series) => given(series, target, of.includes(series) ? values : "0x500"));

const storageFailing: Alert = {
  ...common,
  name: "PrometheusStorageFailing",
  measures: "Failures in an hour",
  expr: promql`${times(writes)} + ${times(corruptions)} + ${times(compactions)} + ${times(truncations)} > ${0}`,
  unit: "count",
  for: "1m",
  keepFiringFor: "5m",
  summary:
    "{{ $labels.instance }} cannot write or compact its database: samples are lost, or the disk will not be freed.",
  action: "Look at the free room of its volume and at the end of its log.",
  proofs: [
    {
      says: "resolves an hour and five minutes after the last failure",
      given: failures("0x3 2x500", ...broken),
      firing: { "1m45s": [], "2m": [target], "65m30s": [target], "65m45s": [] },
      text: {
        at: "2m",
        summary: "prometheus-0 cannot write or compact its database: samples are lost, or the disk will not be freed.",
        value: "8",
      },
    },
    ...broken.map((series) => ({
      says: `fires a minute after ${series} grows`,
      given: failures("0x3 1x240", series),
      firing: { "1m45s": [], "2m": [target], "58m": [target] },
    })),
    {
      says: "is silent for failures that are long over",
      given: failures("7x500", ...broken),
      firing: { "2m": [], "1h": [] },
    },
    {
      says: "is silent where Prometheus is not watched",
      given: broken.map((series) => missing(series, target)),
      firing: { "2m": [], "9m": [] },
    },
  ],
};

export const prometheusAlerts: readonly Alert[] = [
  recurring(
    "prometheus_notifications_dropped_total",
    { alertmanager: "http://alertmanager-0:9093/api/v2/alerts", ...target },
    {
      // Prometheus tells what fires again each minute, so one drop alone loses nothing.
      name: "AlertsDropped",
      measures: "Dropped in five minutes",
      summary: "{{ $labels.instance }} keeps dropping alerts for {{ $labels.alertmanager }}.",
      filled: "prometheus-0 keeps dropping alerts for http://alertmanager-0:9093/api/v2/alerts.",
      panel,
      action:
        "See whether that Alertmanager refuses them or is too slow: Prometheus' log tells a full queue from an error.",
    },
  ),
  undiscovered,
  storageFailing,
  recurring(
    "prometheus_rule_group_iterations_missed_total",
    { rule_group: "/etc/prometheus/rules/services.rules.yaml;services", ...target },
    {
      name: "RuleIterationsMissed",
      measures: "Skipped in five minutes",
      summary: "{{ $labels.instance }} skips evaluations of {{ $labels.rule_group }}, so its alerts come late.",
      filled:
        "prometheus-0 skips evaluations of /etc/prometheus/rules/services.rules.yaml;services, so its alerts come late.",
      panel,
      action: "Look at what slows Prometheus down: its CPU and memory, or one rule that reads too many series.",
    },
  ),
  recurring("prometheus_target_scrapes_exceeded_sample_limit_total", target, {
    name: "SampleLimitExceeded",
    measures: "Refused in five minutes",
    summary: "{{ $labels.instance }} refuses a target's metrics: they are more than its sample limit.",
    filled: "prometheus-0 refuses a target's metrics: they are more than its sample limit.",
    panel,
    action: "Open the targets page of Prometheus: the target's error is `sample limit exceeded`.",
  }),
];
