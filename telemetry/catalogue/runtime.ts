// What every program of ours says of its process, and what an observed service says of Node on top.
import type { Rows } from "./row.ts";

export const processRows = {
  process_cpu_seconds_total: { kind: "counter", help: "Total user and system CPU time spent in seconds.", labels: {} },
  process_resident_memory_bytes: { kind: "gauge", help: "Resident memory size in bytes.", labels: {} },
  process_start_time_seconds: {
    kind: "gauge",
    help: "Start time of the process since unix epoch in seconds.",
    labels: {},
  },
  process_open_fds: { kind: "gauge", help: "Number of open file descriptors; on Linux only.", labels: {} },
  nodejs_heap_used_bytes: { kind: "gauge", help: "Used part of the JavaScript heap in bytes.", labels: {} },
  nodejs_eventloop_utilization_ratio: {
    kind: "gauge",
    help: "Share of the time since the last scrape in which the event loop was busy, 0 to 1.",
    labels: {},
  },
} as const satisfies Rows;

/** V8's own names; its shared and trusted spaces are `other`. */
export const heapSpaces = ["new", "old", "code", "large_object", "new_large_object", "read_only", "other"] as const;
export const collections = ["minor", "major", "incremental", "weakcb", "other"] as const;
export const resources = ["TCPSocketWrap", "TCPServerWrap", "Timeout", "FSReqCallback", "PipeWrap", "other"] as const;

export const runtime = {
  ...processRows,
  process_cpu_user_seconds_total: { kind: "counter", help: "User CPU time spent in seconds.", labels: {} },
  process_cpu_system_seconds_total: { kind: "counter", help: "System CPU time spent in seconds.", labels: {} },
  process_virtual_memory_bytes: { kind: "gauge", help: "Virtual memory size in bytes; on Linux only.", labels: {} },
  process_max_fds: { kind: "gauge", help: "Most open file descriptors; on Linux only.", labels: {} },
  process_threads: { kind: "gauge", help: "Threads of the process; on Linux only.", labels: {} },
  process_context_switches_total: {
    kind: "counter",
    help: "Times that the process gave up the processor, or had to.",
    labels: { reason: ["voluntary", "involuntary"] },
  },
  nodejs_info: { kind: "gauge", help: "1, with the version of Node.", labels: { version: "configured" } },
  nodejs_heap_total_bytes: { kind: "gauge", help: "Size of the JavaScript heap in bytes.", labels: {} },
  nodejs_heap_limit_bytes: { kind: "gauge", help: "Size at which the JavaScript heap is full, in bytes.", labels: {} },
  nodejs_heap_space_used_bytes: {
    kind: "gauge",
    help: "Used part of each space of the JavaScript heap in bytes.",
    labels: { space: heapSpaces },
  },
  nodejs_external_memory_bytes: {
    kind: "gauge",
    help: "Memory of objects bound to JavaScript objects in bytes, buffers included.",
    labels: {},
  },
  nodejs_array_buffers_bytes: { kind: "gauge", help: "Memory of buffers in bytes.", labels: {} },
  nodejs_gc_runs_total: { kind: "counter", help: "Garbage collections, by kind.", labels: { kind: collections } },
  nodejs_gc_pause_seconds_total: {
    kind: "counter",
    help: "Time spent in garbage collections in seconds, by kind.",
    labels: { kind: collections },
  },
  nodejs_eventloop_delay_p50_seconds: {
    kind: "gauge",
    help: "Median delay of the event loop since the last scrape in seconds.",
    labels: {},
  },
  nodejs_eventloop_delay_p99_seconds: {
    kind: "gauge",
    help: "99th percentile of the event loop's delay since the last scrape in seconds.",
    labels: {},
  },
  nodejs_eventloop_delay_max_seconds: {
    kind: "gauge",
    help: "Longest delay of the event loop since the last scrape in seconds.",
    labels: {},
  },
  nodejs_active_resources: {
    kind: "gauge",
    help: "What keeps the process running: sockets, servers, timers, file operations.",
    labels: { resource: resources },
  },
} as const satisfies Rows;
