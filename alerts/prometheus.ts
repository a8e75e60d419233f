// Prometheus at work: alerts that it drops or has nobody to send to, rules that it skips, pages that it refuses.
import { promql, sel } from "../telemetry/promql.ts";
import { type Alert, type Given, given, missing } from "./rule.ts";

const panel = { dashboard: "vitals-overview" } as const;
const target = { job: "prometheus", instance: "prometheus-0" } as const;
const common = { severity: "ticket", owner: "platform", service: "{{ $labels.job }}", panel } as const;

type Counter =
  | "prometheus_notifications_dropped_total"
  | "prometheus_rule_group_iterations_missed_total"
  | "prometheus_target_scrapes_exceeded_sample_limit_total";

/** Something that may happen once, as at a restart, but not again and again; `own` are the labels of one series. */
const recurring = (
  series: Counter,
  own: Readonly<Record<string, string>>,
  words: Pick<Alert, "name" | "summary" | "action"> & { readonly filled: string },
): Alert => {
  const labels = { ...own, ...target };
  const { filled, ...named } = words;
  return {
    ...common,
    ...named,
    expr: promql`increase(${sel(series)}[5m]) > ${0}`,
    // Longer than the window: one time alone has left it by then.
    for: "6m",
    keepFiringFor: "1m",
    proofs: [
      {
        says: "fires after six minutes, and resolves six minutes after the last time",
        given: [
          given(series, labels, "0x3 1+1x24 25x60"),
          given(series, { ...labels, instance: "prometheus-1" }, "3x90"),
        ],
        // The first is seen at 1m, the last at 7m; at 11m45s that one has left the window of increase().
        firing: { "6m45s": [], "7m": [labels], "11m30s": [labels], "12m30s": [labels], "12m45s": [] },
        text: { at: "7m", summary: filled, value: "20" },
      },
      {
        says: "is silent for one time, however many it was",
        given: [given(series, labels, "0x3 70x60")],
        firing: { "5m30s": [], "7m": [], "14m": [] },
      },
      {
        says: "is silent where Prometheus is not watched",
        given: [missing(series, labels)],
        firing: { "7m": [], "9m": [] },
      },
    ],
  };
};

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

export const prometheusAlerts: readonly Alert[] = [
  recurring(
    "prometheus_notifications_dropped_total",
    { alertmanager: "http://alertmanager-0:9093/api/v2/alerts" },
    {
      // Prometheus tells what fires again each minute, so one drop alone loses nothing.
      name: "AlertsDropped",
      summary: "{{ $labels.instance }} keeps dropping alerts for {{ $labels.alertmanager }}.",
      filled: "prometheus-0 keeps dropping alerts for http://alertmanager-0:9093/api/v2/alerts.",
      action:
        "See whether that Alertmanager refuses them or is too slow: Prometheus' log tells a full queue from an error.",
    },
  ),
  undiscovered,
  recurring(
    "prometheus_rule_group_iterations_missed_total",
    { rule_group: "/etc/prometheus/rules/services.rules.yaml;services" },
    {
      name: "RuleIterationsMissed",
      summary: "{{ $labels.instance }} skips evaluations of {{ $labels.rule_group }}, so its alerts come late.",
      filled:
        "prometheus-0 skips evaluations of /etc/prometheus/rules/services.rules.yaml;services, so its alerts come late.",
      action: "Look at what slows Prometheus down: its CPU and memory, or one rule that reads too many series.",
    },
  ),
  recurring(
    "prometheus_target_scrapes_exceeded_sample_limit_total",
    {},
    {
      name: "SampleLimitExceeded",
      summary: "{{ $labels.instance }} refuses a target's metrics: they are more than its sample limit.",
      filled: "prometheus-0 refuses a target's metrics: they are more than its sample limit.",
      action: "Open the targets page of Prometheus: the target's error is `sample limit exceeded`.",
    },
  ),
];
