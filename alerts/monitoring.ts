// The watchers themselves: rules that fail, configurations that were refused, messages that do not leave, a disk that fills.
import { agg, promql, rate, sel } from "../telemetry/promql.ts";
import { type Alert, given, limited, missing } from "./rule.ts";

const panel = { dashboard: "vitals-overview" } as const;
const prometheus = { job: "prometheus", instance: "prometheus-0" } as const;
const alertmanager = { job: "alertmanager", instance: "alertmanager-0" } as const;
const supervisor = { job: "supervisor", instance: "supervisor-0" } as const;
const groups = (values: string, rule_group = "a") =>
  given("prometheus_rule_evaluation_failures_total", { rule_group, ...prometheus }, values);

const watchdog: Alert = {
  name: "Watchdog",
  expr: promql`vector(${1})`,
  for: "0s",
  severity: "info",
  owner: "platform",
  service: "alertmanager",
  summary: "The chain from Prometheus to Alertmanager works; this alert always fires.",
  action: "Nothing: its silence is what means trouble.",
  panel,
  proofs: [
    {
      says: "fires from the first evaluation on, without any series",
      given: [],
      firing: { "0s": [{}], "15s": [{}], "10m": [{}] },
      text: {
        at: "15s",
        summary: "The chain from Prometheus to Alertmanager works; this alert always fires.",
      },
    },
  ],
  equivalent: { "keepFiringFor -> 15s": "It never stops, so it is never held." },
  exempt: {
    silent: "It fires always: whoever receives it alarms when it stops.",
    resolve: "It never ends.",
    missing: "It reads no series.",
    boundary: "It has no condition to begin or end.",
  },
};

const ruleFailing: Alert = {
  name: "RuleEvaluationFailing",
  measures: "Failures in five minutes",
  expr: promql`${agg("sum", promql`increase(${sel("prometheus_rule_evaluation_failures_total")}[5m])`, "job", "instance")} > ${0}`,
  unit: "count",
  for: "2m",
  keepFiringFor: "5m",
  severity: "ticket",
  owner: "platform",
  service: "{{ $labels.job }}",
  summary: "{{ $labels.instance }} cannot evaluate a rule, so an alert may be blind.",
  action: "Open the rules page of Prometheus: the failing rule shows its error.",
  panel,
  proofs: [
    {
      says: "fires two minutes after evaluations begin to fail, and resolves when they have not for ten",
      given: [groups("0x3 1+1x11 12x80"), groups("0x7 1x86", "b"), groups("0x100", "c")],
      // The first failure is seen at 1m; at 8m30s the last one has left the window of increase().
      firing: { "2m45s": [], "3m": [prometheus], "8m15s": [prometheus], "13m15s": [prometheus], "13m30s": [] },
      text: {
        at: "3m",
        summary: "prometheus-0 cannot evaluate a rule, so an alert may be blind.",
        value: "10",
      },
    },
    { says: "is silent for failures that are long over", given: [groups("7x40")], firing: { "3m": [], "9m": [] } },
    {
      says: "is silent where no rule is evaluated",
      given: [missing("prometheus_rule_evaluation_failures_total", prometheus)],
      firing: { "3m": [], "9m": [] },
    },
  ],
};

/** A program that refused its last configuration: the same alert for Prometheus and for Alertmanager. */
const configRefused = (
  name: string,
  title: string,
  series: "prometheus_config_last_reload_successful" | "alertmanager_config_last_reload_successful",
  target: { readonly job: string; readonly instance: string },
): Alert => ({
  name,
  // `max_over_time` bridges a lost scrape.
  expr: promql`max_over_time(${sel(series)}[2m]) == 0`,
  for: "1m",
  keepFiringFor: "1m",
  severity: "ticket",
  owner: "platform",
  service: "{{ $labels.job }}",
  summary: `{{ $labels.instance }} refused its new configuration and runs on the one before.`,
  action: `Read the reason in ${title}'s log, correct the configuration and bring the stack up again.`,
  panel,
  proofs: [
    {
      says: "fires three minutes after a configuration is refused, and resolves a minute after one is taken",
      given: [given(series, target, "1x3 0x15 1x40")],
      // The last good sample leaves the window at 2m45s.
      firing: { "3m30s": [], "3m45s": [target], "4m45s": [target], "5m45s": [target], "6m": [] },
      text: {
        at: "3m45s",
        summary: `${target.instance} refused its new configuration and runs on the one before.`,
        value: "0",
      },
    },
    {
      says: "fires all the same when every second scrape is lost",
      given: [given(series, target, "0 _ 0 _ 0 _ 0 _ 0 _ 0 _ 0 _")],
      firing: { "45s": [], "1m": [target], "2m45s": [target] },
    },
    {
      says: "is silent where the program is not watched",
      given: [missing(series, target)],
      firing: { "4m": [], "9m": [] },
    },
  ],
});

const errors = (values: string, alertmanager = "a") =>
  given("prometheus_notifications_errors_total", { alertmanager, ...prometheus }, values);
const sent = (values: string, alertmanager = "a") =>
  given("prometheus_notifications_sent_total", { alertmanager, ...prometheus }, values);

const deliveryFailing: Alert = {
  name: "AlertDeliveryFailing",
  measures: "Alerts lost",
  ...limited(
    0.01,
    "ratio",
    (limit) =>
      promql`${agg("sum", rate("prometheus_notifications_errors_total", "5m"), "job", "instance")} / ${agg("sum", rate("prometheus_notifications_sent_total", "5m"), "job", "instance")} > ${limit}`,
  ),
  for: "2m",
  keepFiringFor: "2m",
  severity: "page",
  owner: "platform",
  service: "{{ $labels.job }}",
  summary: "{{ $labels.instance }} cannot hand more than 1 % of its alerts to an Alertmanager.",
  action: "See whether every Alertmanager runs and can be reached from Prometheus.",
  panel,
  proofs: [
    {
      says: "fires two minutes after one in fifty alerts is lost, and resolves when none is",
      given: [sent("0+50x100"), errors("0x3 1+1x11 12x85")],
      // The lost share of five minutes is above 1 % from 1m45s to 6m.
      firing: { "3m30s": [], "3m45s": [prometheus], "6m": [prometheus], "8m": [prometheus], "8m15s": [] },
    },
    {
      says: "is silent for one in two hundred",
      given: [sent("0+200x60"), errors("0+1x60")],
      firing: { "3m": [], "14m": [] },
    },
    {
      says: "is silent when nothing was sent",
      given: [sent("0x60"), errors("0x60")],
      firing: { "3m": [], "14m": [] },
    },
    {
      says: "tells the share over all Alertmanagers together",
      given: [sent("0+100x60"), sent("0+60x60", "b"), errors("0+25x60"), errors("0+15x60", "b")],
      firing: { "2m": [], "2m15s": [prometheus] },
      text: {
        at: "2m15s",
        summary: "prometheus-0 cannot hand more than 1 % of its alerts to an Alertmanager.",
        value: "25%",
      },
    },
    {
      says: "is silent where Prometheus is not watched",
      given: [
        missing("prometheus_notifications_sent_total", prometheus),
        missing("prometheus_notifications_errors_total", prometheus),
      ],
      firing: { "3m": [], "9m": [] },
    },
  ],
};

const failed = (values: string, reason = "serverError") =>
  given("alertmanager_notifications_failed_total", { integration: "slack", reason, ...alertmanager }, values);
const slack = { integration: "slack", ...alertmanager } as const;

const notificationsFailing: Alert = {
  name: "NotificationsFailing",
  measures: "Failures in ten minutes",
  // Two or more: a message that failed alone comes again with the next turn of its group.
  expr: promql`${agg("sum", promql`increase(${sel("alertmanager_notifications_failed_total")}[10m])`, "job", "instance", "integration")} > ${1.5}`,
  unit: "count",
  for: "1m",
  keepFiringFor: "5m",
  severity: "page",
  owner: "platform",
  service: "{{ $labels.job }}",
  equivalent: { "93 > -> >=": "Failures are whole numbers; their increase is not 1.5." },
  summary: "{{ $labels.instance }} fails to deliver messages through {{ $labels.integration }}.",
  action: "Look at the reason label of the failures: rateLimited passes, authError needs a new webhook.",
  panel,
  proofs: [
    {
      says: "fires a minute after a second message has failed, and resolves when there were no two for five minutes",
      given: [failed("0x3 1+1x3 4x80"), failed("0x5 1x81", "rateLimited"), failed("0x87", "other")],
      firing: { "2m": [], "2m15s": [slack], "6m15s": [slack], "16m": [slack], "16m15s": [] },
      text: {
        at: "2m15s",
        summary: "alertmanager-0 fails to deliver messages through slack.",
        value: "5",
      },
    },
    {
      says: "is silent for a message that failed alone, and for another a quarter of an hour later",
      given: [failed("0x3 1x59 2x40")],
      firing: { "2m": [], "5m": [], "16m30s": [], "20m": [] },
    },
    { says: "is silent for failures that are long over", given: [failed("7x60")], firing: { "3m": [], "14m": [] } },
    {
      says: "is silent where Alertmanager is not watched",
      given: [missing("alertmanager_notifications_failed_total", slack)],
      firing: { "3m": [], "9m": [] },
    },
  ],
};

const free = (values: string) => given("supervisor_disk_free_bytes", supervisor, values);
const size = given("supervisor_disk_size_bytes", supervisor, "1000x80");

const diskFilling: Alert = {
  name: "DiskFilling",
  measures: "Free",
  ...limited(
    0.1,
    "ratio",
    (limit) => promql`${sel("supervisor_disk_free_bytes")} / ${sel("supervisor_disk_size_bytes")} < ${limit}`,
  ),
  for: "5m",
  keepFiringFor: "5m",
  severity: "ticket",
  owner: "platform",
  service: "{{ $labels.job }}",
  summary: "Less than a tenth of the disk that holds the stack's state is free.",
  action: "Free space, or lower vitals:retentionSize; Prometheus and Jaeger take the most.",
  panel,
  proofs: [
    {
      says: "fires five minutes after less than a tenth is free, and resolves five minutes after more is",
      given: [free("100x3 99x29 100x60"), size],
      firing: { "5m45s": [], "6m": [supervisor], "8m15s": [supervisor], "13m15s": [supervisor], "13m30s": [] },
      text: { at: "6m", summary: "Less than a tenth of the disk that holds the stack's state is free.", value: "9.9%" },
    },
    { says: "is silent while exactly a tenth is free", given: [free("100x60"), size], firing: { "6m": [], "14m": [] } },
    {
      says: "is silent where the supervisor does not tell",
      given: [missing("supervisor_disk_free_bytes", supervisor), size],
      firing: { "6m": [], "9m": [] },
    },
  ],
};

export const monitoringAlerts: readonly Alert[] = [
  watchdog,
  ruleFailing,
  configRefused("PrometheusConfigRefused", "Prometheus", "prometheus_config_last_reload_successful", prometheus),
  configRefused(
    "AlertmanagerConfigRefused",
    "Alertmanager",
    "alertmanager_config_last_reload_successful",
    alertmanager,
  ),
  deliveryFailing,
  notificationsFailing,
  diskFilling,
];
