// The exporters' own health: a collector that fails, a configuration that was refused.
import { agg, promql, sel } from "../telemetry/promql.ts";
import { type Alert, given, missing, sumOfFlags } from "./rule.ts";

const panel = { dashboard: "vitals-overview" } as const;
const source = { job: "db-stats", instance: "db-stats-0" } as const;
const locks = { job: "db-stats", collector: "locks", target: "clinic" } as const;

export const exporterAlerts: readonly Alert[] = [
  {
    name: "CollectorFailing",
    expr: promql`${agg("max", sel("collector_success"), "job", "collector", "target")} == 0`,
    for: "5m",
    keepFiringFor: "2m",
    severity: "ticket",
    owner: "platform",
    service: "{{ $labels.target }}",
    summary:
      "Collector {{ $labels.collector }} of {{ $labels.job }} has failed for {{ $labels.target }} for five minutes.",
    action: "Look at the cause of the failed runs: permission and timeout are the usual ones.",
    panel,
    equivalent: { "0 max -> sum": sumOfFlags },
    proofs: [
      {
        says: "fires after five minutes of failed runs, and resolves two minutes after one succeeds",
        given: [
          given("collector_success", { ...locks, ...source }, "1x3 0x29 1x40"),
          given("collector_success", { collector: "size", target: "clinic", ...source }, "1x80"),
        ],
        firing: { "5m45s": [], "6m": [locks], "8m15s": [locks], "10m15s": [locks], "10m30s": [] },
        text: {
          at: "6m",
          summary: "Collector locks of db-stats has failed for clinic for five minutes.",
          value: "0",
        },
      },
      {
        says: "is silent for failures with a success in between",
        given: [given("collector_success", { ...locks, ...source }, "0x18 1 0x18 1 0x18 1")],
        firing: { "5m": [], "10m": [], "14m": [] },
      },
      {
        says: "is silent while another replica of the exporter succeeds",
        given: [
          given("collector_success", { ...locks, ...source }, "0x60"),
          given("collector_success", { ...locks, instance: "db-stats-1" }, "1x60"),
        ],
        firing: { "6m": [], "14m": [] },
      },
      {
        says: "is silent where no collector runs",
        given: [missing("collector_success", locks)],
        firing: { "6m": [], "10m": [] },
      },
    ],
  },
  {
    name: "ExporterConfigRefused",
    expr: promql`${sel("exporter_config_reload_success")} == 0`,
    for: "2m",
    keepFiringFor: "1m",
    severity: "ticket",
    owner: "platform",
    service: "{{ $labels.job }}",
    summary: "{{ $labels.instance }} refused its new configuration and runs on the one before.",
    action: "Read the reason in its log, correct the configuration and bring the stack up again.",
    panel,
    proofs: [
      {
        says: "fires two minutes after a configuration is refused, and resolves a minute after one is taken",
        given: [
          given("exporter_config_reload_success", source, "1x3 0x11 1x40"),
          given("exporter_config_reload_success", { job: "db-stats", instance: "db-stats-1" }, "1x60"),
        ],
        firing: { "2m45s": [], "3m": [source], "3m45s": [source], "4m45s": [source], "5m": [] },
        text: {
          at: "3m",
          summary: "db-stats-0 refused its new configuration and runs on the one before.",
          value: "0",
        },
      },
      {
        says: "is silent where no exporter runs",
        given: [missing("exporter_config_reload_success", source)],
        firing: { "3m": [], "10m": [] },
      },
    ],
  },
];
