// What the stack itself costs: processes, disk, scrapes, and what Prometheus stores; and whether the watchers are well.
import { agg, promql, rate, sel } from "../telemetry/promql.ts";
import {
  type DashboardLeaf,
  labelVariable,
  noneIsGood,
  query,
  type RowSpec,
  readyOrNot,
  stat,
  stateTimeline,
  timeSeries,
} from "./panels.ts";
import { table } from "./table.ts";
import { watchers } from "./watchers.ts";

export const stack: DashboardLeaf = {
  name: "stack",
  title: "Stack",
  description: "What the stack itself costs, and whether those who watch are well.",
  opensAt: "now-3h",
  // Only the supervisor of the process platform tells what a process costs.
  variables: ({ config }) =>
    config.platform !== "process"
      ? []
      : [
          labelVariable({
            name: "service",
            label: "Service",
            description: "The services that the panels per service show.",
            metric: "supervisor_service_up",
          }),
        ],
  rows: ({ config }) => [
    ...(config.platform === "process" ? processes : []),
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
const chosen = { service: { matches: "$service" } } as const;
const ready = sel("supervisor_service_ready", chosen);
const memory = sel("supervisor_service_resident_memory_bytes", chosen);
const cpu = rate("supervisor_service_cpu_seconds_total", window, chosen);
/** Starts after the first, within the time shown. */
const restarts = promql`increase(${sel("supervisor_service_restarts_total", chosen)}[$__range])`;

const processes: readonly RowSpec[] = [
  {
    panels: [
      stat("not-ready", {
        title: "Not ready",
        description: "Services whose readiness check does not pass now.",
        unit: "none",
        thresholds: noneIsGood,
        queries: [query(agg("sum", promql`${ready} == bool 0`), "not ready")],
      }),
      stat("restarts", {
        title: "Restarts",
        description:
          "Starts of services after their first, within the time shown. A service that keeps restarting says why in its log.",
        unit: "none",
        decimals: 0,
        thresholds: ["green", [1, "orange"], [5, "red"]],
        queries: [query(agg("sum", restarts), "restarts")],
      }),
      stat("cpu-total", {
        title: "Processor",
        description: "Processor cores that the chosen services use together; 1 is one core fully busy.",
        unit: "none",
        decimals: 2,
        thresholds: ["blue"],
        history: true,
        queries: [query(agg("sum", cpu), "cores")],
      }),
      stat("memory-total", {
        title: "Memory",
        description: "Resident memory of the chosen services together.",
        unit: "bytes",
        thresholds: ["blue"],
        history: true,
        queries: [query(agg("sum", memory), "resident")],
      }),
      stat("disk-free", {
        title: "Disk free",
        description: "Free space of the volume that holds the state. Prometheus stops to store when it is full.",
        unit: "bytes",
        thresholds: ["red", [1_073_741_824, "orange"], [5_368_709_120, "green"]],
        history: true,
        queries: [query(agg("min", sel("supervisor_disk_free_bytes")), "free")],
      }),
      stat("disk-free-share", {
        title: "Disk free, share",
        description: "The same as a share of the volume.",
        unit: "percentunit",
        decimals: 1,
        thresholds: ["red", [0.1, "orange"], [0.2, "green"]],
        history: true,
        queries: [
          query(
            promql`${agg("min", sel("supervisor_disk_free_bytes"))} / ${agg("min", sel("supervisor_disk_size_bytes"))}`,
            "free",
          ),
        ],
      }),
    ],
  },
  {
    panels: [
      timeSeries("cpu", {
        title: "Processor by service",
        description: "Processor cores that each service uses; 1 is one core fully busy.",
        unit: "none",
        stacked: true,
        queries: [query(agg("sum", cpu, "service"), "{{service}}")],
      }),
      timeSeries("memory", {
        title: "Memory by service",
        description: "Resident memory of each service. A line that only rises is a leak.",
        unit: "bytes",
        stacked: true,
        queries: [query(agg("sum", memory, "service"), "{{service}}")],
      }),
      table("cost", {
        title: "Cost by service",
        description: "Each service now: ready, processor, memory, and starts after its first.",
        unit: "none",
        height: 12,
        columns: [{ label: "service", title: "Service" }],
        queries: [
          query(agg("min", ready, "service"), "ready"),
          query(agg("sum", cpu, "service"), "cores"),
          query(agg("sum", memory, "service"), "memory"),
          query(agg("sum", restarts, "service"), "restarts"),
        ],
        values: [
          { title: "State", states: readyOrNot },
          { title: "Cores", decimals: 3 },
          { title: "Memory", unit: "bytes" },
          { title: "Restarts", decimals: 0, thresholds: ["text", [1, "orange"], [5, "red"]] },
        ],
        sortBy: { column: "Memory", descending: true },
      }),
      stateTimeline("readiness", {
        title: "Readiness",
        description: "Whether each service's readiness check passed, over time.",
        unit: "none",
        height: 12,
        states: readyOrNot,
        queries: [query(agg("min", ready, "service"), "{{service}}")],
      }),
    ],
  },
];

const scraping: readonly RowSpec[] = [
  {
    title: "Scraping and storage",
    panels: [
      timeSeries("scrape-duration", {
        title: "Scrape duration by job",
        description: "How long the slowest target of each job takes to answer a scrape.",
        unit: "s",
        width: 8,
        queries: [query(agg("max", sel("scrape_duration_seconds"), "job"), "{{job}}")],
      }),
      timeSeries("scrape-samples", {
        title: "Samples by job",
        description: "Samples that each job gives per scrape. A jump is a label with too many values.",
        unit: "short",
        width: 8,
        queries: [query(agg("sum", sel("scrape_samples_post_metric_relabeling"), "job"), "{{job}}")],
      }),
      timeSeries("head-series", {
        title: "Series in memory",
        description: "Series that each Prometheus holds in its head block; its memory grows with them.",
        unit: "short",
        width: 8,
        queries: [query(agg("max", sel("prometheus_tsdb_head_series"), "instance"), "{{instance}}")],
      }),
      timeSeries("samples-stored", {
        title: "Samples stored",
        description: "Samples that each Prometheus appends per second.",
        unit: "cps",
        queries: [
          query(agg("sum", rate("prometheus_tsdb_head_samples_appended_total", window), "instance"), "{{instance}}"),
        ],
      }),
      timeSeries("storage", {
        title: "Blocks on disk",
        description: "Size of the stored blocks; the first block is written after two hours.",
        unit: "bytes",
        queries: [query(agg("max", sel("prometheus_tsdb_storage_blocks_bytes"), "instance"), "{{instance}}")],
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
