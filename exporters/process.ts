// What an exporter's own process costs, under the names that Prometheus' client libraries use.
import { readdirSync } from "node:fs";
import { performance } from "node:perf_hooks";
import type { exporter } from "../telemetry/catalogue/exporter.ts";
import type { Metrics, Sample } from "../telemetry/metrics.ts";

type Name = keyof typeof exporter;

export function watchProcess(metrics: Metrics<typeof exporter>): void {
  const started = Date.now() / 1_000 - process.uptime();
  let before = performance.eventLoopUtilization();
  metrics.source(() => {
    const { user, system } = process.cpuUsage();
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return [
      sample("process_cpu_seconds_total", (user + system) / 1e6),
      sample("process_resident_memory_bytes", process.memoryUsage.rss()),
      sample("process_start_time_seconds", started),
      sample("nodejs_heap_used_bytes", process.memoryUsage().heapUsed),
      sample("nodejs_eventloop_utilization_ratio", utilization),
      ...openFiles(),
    ];
  });
}

const sample = (metric: Name, value: number): Sample => ({ metric, labels: {}, value });

function openFiles(): readonly Sample[] {
  try {
    return [sample("process_open_fds", readdirSync("/proc/self/fd").length)];
  } catch {
    return [];
  }
}
