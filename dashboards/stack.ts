// What the stack itself costs: processes, disk, scrapes, and what Prometheus stores; and whether the watchers are well.
import { agg, promql, rate, sel } from "../telemetry/promql.ts";
import { costs, supervised, told } from "./costs.ts";
import { largest } from "./expressions.ts";
import { type DashboardLeaf, query, type RowSpec, stat, timeSeries } from "./panels.ts";
import { chosenInstance, instanceVariable, labelVariable } from "./variables.ts";
import { watchers } from "./watchers.ts";

export const stack: DashboardLeaf = {
  name: "stack",
  title: "Stack",
  description: "What the stack itself costs, and whether those who watch are well.",
  opensAt: "now-3h",
  variables: ({ config }) => [
    config.platform === "process"
      ? labelVariable({
          name: "service",
          label: "Service",
          description: "The services that the panels of costs show.",
          metric: "supervisor_service_up",
        })
      : labelVariable({
          name: "job",
          label: "Service",
          description: "The services that the panels of costs show.",
          metric: "up",
        }),
    instanceVariable("up", "The instances whose storage, rules and configurations are shown."),
  ],
  toldBy: () => sel("up", { job: "prometheus" }),
  rows: ({ config }) => [
    // Elsewhere nobody watches processes from outside, and each tells of itself.
    ...costs(config.platform === "process" ? supervised : told),
    ...scraping,
    eventLoops,
    watchers,
    ...(config.backup === undefined ? [] : [backups]),
  ],
};

const window = "$__rate_interval";
const backups: RowSpec = {
  title: "Backups",
  panels: [
    stat("backups", {
      title: "Last backup",
      description: "Since when each service's last backup is done. An alert tells of one that is overdue.",
      unit: "s",
      width: 24,
      emptyWhenHealthy: "None yet",
      queries: [
        query(promql`time() - ${agg("max", sel("backup_last_success_timestamp_seconds"), "service")}`, "{{service}}"),
      ],
    }),
  ],
};

const scraping: readonly RowSpec[] = [
  {
    title: "Scraping and storage",
    panels: [
      timeSeries("scrape-duration", {
        title: "Slowest scrapes",
        description: "How long the slowest target takes to answer a scrape, of the six jobs that take the longest.",
        unit: "s",
        width: 8,
        queries: [query(largest(6, sel("scrape_duration_seconds"), "job"), "{{job}}")],
      }),
      timeSeries("scrape-samples", {
        title: "Largest scrapes",
        description:
          "Samples of a scrape of the largest target, of the six jobs that give the most. A jump is a label with too many values.",
        unit: "short",
        width: 8,
        queries: [query(largest(6, sel("scrape_samples_post_metric_relabeling"), "job"), "{{job}}")],
      }),
      timeSeries("head-series", {
        title: "Series in memory",
        description: "Series that each Prometheus holds in its head block; its memory grows with them.",
        unit: "short",
        width: 8,
        queries: [query(agg("max", sel("prometheus_tsdb_head_series", chosenInstance), "instance"), "{{instance}}")],
      }),
      timeSeries("samples-stored", {
        title: "Samples stored",
        description: "Samples that each Prometheus appends per second.",
        unit: "cps",
        queries: [
          query(
            agg("sum", rate("prometheus_tsdb_head_samples_appended_total", window, chosenInstance), "instance"),
            "{{instance}}",
          ),
        ],
      }),
      timeSeries("storage", {
        title: "Blocks on disk",
        description: "Size of the stored blocks; the first block is written after two hours.",
        unit: "bytes",
        queries: [
          query(agg("max", sel("prometheus_tsdb_storage_blocks_bytes", chosenInstance), "instance"), "{{instance}}"),
        ],
      }),
    ],
  },
];

const eventLoops: RowSpec = {
  title: "Event loops",
  panels: [
    timeSeries("loop-busy", {
      title: "Event loops: busy",
      description:
        "Share of the time in which the event loop of each service's busiest process works; near 100 % all wait.",
      unit: "percentunit",
      max: 1,
      thresholds: ["text", [0.9, "red"]],
      showThresholds: true,
      queries: [query(agg("max", sel("nodejs_eventloop_utilization_ratio"), "job"), "{{job}}")],
    }),
    timeSeries("loop-late", {
      title: "Event loops: late by",
      description: "How late the slowest hundredth of the turns is, in each service's worst process.",
      unit: "s",
      thresholds: ["text", [0.2, "red"]],
      showThresholds: true,
      emptyWhenHealthy: "No service tells of it",
      queries: [query(agg("max", sel("nodejs_eventloop_delay_p99_seconds"), "job"), "{{job}}")],
    }),
  ],
};
