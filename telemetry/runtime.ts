// What a process costs and how its event loop fares, read when it is asked for.
import { readdirSync, readFileSync } from "node:fs";
import { monitorEventLoopDelay, type PerformanceEntry, PerformanceObserver, performance } from "node:perf_hooks";
import { getHeapSpaceStatistics, getHeapStatistics } from "node:v8";
import { collections, heapSpaces, resources, type runtime } from "./catalogue/runtime.ts";
import { type Metrics, oneOf, type Sample } from "./metrics.ts";

type Name = keyof typeof runtime;
// biome-ignore lint/complexity/noBannedTypes: whatever else the metrics hold
type Target = Pick<Metrics<{}>, "source">;

const delayResolutionMs = 20;

/** What every program of ours shows: the rows `processRows`. */
export function watchProcess(metrics: Target): void {
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

/** What a service shows on top: the other rows of `runtime`. Returns how to stop watching. */
export function watchRuntime(metrics: Target): () => void {
  // A native timer; at this resolution it takes no measurable time.
  const delays = monitorEventLoopDelay({ resolution: delayResolutionMs });
  delays.enable();
  const garbage = watchGarbage();
  metrics.source(() => {
    const quantiles = [
      sample("nodejs_eventloop_delay_p50_seconds", late(delays.percentile(50))),
      sample("nodejs_eventloop_delay_p99_seconds", late(delays.percentile(99))),
      sample("nodejs_eventloop_delay_max_seconds", late(delays.max)),
    ];
    const none = delays.count === 0;
    delays.reset();
    return [...(none ? [] : quantiles), ...processor(), ...memory(), ...garbage.samples(), ...status(), ...active()];
  });
  return () => {
    delays.disable();
    garbage.stop();
  };
}

/** The timer tells the time between two of its runs, so that without any delay it is the time that was asked for. */
const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - delayResolutionMs / 1e3);

const sample = (metric: Name, value: number, labels: Sample["labels"] = {}): Sample => ({ metric, labels, value });

function processor(): readonly Sample[] {
  const { userCPUTime, systemCPUTime, voluntaryContextSwitches, involuntaryContextSwitches } = process.resourceUsage();
  return [
    sample("process_cpu_user_seconds_total", userCPUTime / 1e6),
    sample("process_cpu_system_seconds_total", systemCPUTime / 1e6),
    sample("process_context_switches_total", voluntaryContextSwitches, { reason: "voluntary" }),
    sample("process_context_switches_total", involuntaryContextSwitches, { reason: "involuntary" }),
    sample("nodejs_info", 1, { version: process.version }),
  ];
}

function memory(): readonly Sample[] {
  const { heapTotal, external, arrayBuffers } = process.memoryUsage();
  const spaces = new Map<string, number>();
  for (const { space_name, space_used_size } of getHeapSpaceStatistics()) {
    const space = oneOf(heapSpaces, space_name.replace(/_space$/, ""));
    spaces.set(space, (spaces.get(space) ?? 0) + space_used_size);
  }
  return [
    sample("nodejs_heap_total_bytes", heapTotal),
    sample("nodejs_heap_limit_bytes", getHeapStatistics().heap_size_limit),
    sample("nodejs_external_memory_bytes", external),
    sample("nodejs_array_buffers_bytes", arrayBuffers),
    ...[...spaces].map(([space, used]) => sample("nodejs_heap_space_used_bytes", used, { space })),
  ];
}

/** Node's types know nothing of the detail. */
type CollectionEntry = PerformanceEntry & { readonly detail: { readonly kind: number } };

/** V8's numbers of its kinds of collections. */
const kinds: Readonly<Record<number, (typeof collections)[number]>> = {
  1: "minor",
  4: "major",
  8: "incremental",
  16: "weakcb",
};

function watchGarbage(): { readonly samples: () => readonly Sample[]; readonly stop: () => void } {
  const seen = new Map(collections.map((kind) => [kind, { runs: 0, seconds: 0 }]));
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as unknown as readonly CollectionEntry[]) {
      const total = seen.get(kinds[entry.detail.kind] ?? "other");
      if (total === undefined) continue;
      total.runs++;
      total.seconds += entry.duration / 1_000;
    }
  });
  observer.observe({ entryTypes: ["gc"] });
  return {
    samples: () =>
      [...seen].flatMap(([kind, { runs, seconds }]) => [
        sample("nodejs_gc_runs_total", runs, { kind }),
        sample("nodejs_gc_pause_seconds_total", seconds, { kind }),
      ]),
    stop: () => observer.disconnect(),
  };
}

function active(): readonly Sample[] {
  const counts = new Map<string, number>(resources.map((name) => [name, 0]));
  for (const name of process.getActiveResourcesInfo()) {
    const resource = oneOf(resources, name);
    counts.set(resource, (counts.get(resource) ?? 0) + 1);
  }
  return [...counts].map(([resource, count]) => sample("nodejs_active_resources", count, { resource }));
}

/** Of /proc; nothing where there is none. */
function status(): readonly Sample[] {
  try {
    const about = readFileSync("/proc/self/status", "utf8");
    const limits = readFileSync("/proc/self/limits", "utf8");
    const number = (pattern: RegExp, text: string) => Number(pattern.exec(text)?.[1]);
    return [
      sample("process_virtual_memory_bytes", number(/^VmSize:\s+(\d+) kB/m, about) * 1_024),
      sample("process_threads", number(/^Threads:\s+(\d+)/m, about)),
      sample("process_max_fds", number(/^Max open files\s+(\d+)/m, limits)),
    ].filter(({ value }) => Number.isFinite(value));
  } catch {
    return [];
  }
}

function openFiles(): readonly Sample[] {
  try {
    return [sample("process_open_fds", readdirSync("/proc/self/fd").length)];
  } catch {
    return [];
  }
}
