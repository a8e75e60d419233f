// The gateway's processes one by one, and the room that each has left.
import { agg, mean, rate, sel } from "../telemetry/promql.ts";
import { coresUsed } from "./expressions.ts";
import { inOneLine, query, type RowSpec, timeSeries } from "./panels.ts";
import { chosenInstance } from "./variables.ts";

const window = "$__rate_interval";
/** Every panel shows the chosen instances alone. */
const here = { job: "gateway", ...chosenInstance } as const;
const answeredHere = mean("job_instance:http_requests_total:rate5m", window, here);

export const processes: RowSpec = {
  title: "Each process, and the room it has left",
  panels: [
    ...inOneLine([
      timeSeries("by-instance", {
        title: "Requests by process",
        description:
          "Requests that each process answers per second. One that gets less than the others is not found well.",
        unit: "reqps",
        queries: [query(agg("sum", answeredHere, "instance"), "{{instance}}")],
      }),
      timeSeries("cores", {
        title: "Processor by process",
        description: "Processor cores that each process uses. It works with one; near 1 requests wait.",
        unit: "none",
        thresholds: ["text", [0.9, "red"]],
        queries: [query(agg("sum", coresUsed(here), "instance"), "{{instance}}")],
      }),
      timeSeries("event-loop", {
        title: "Event loop: late by",
        description:
          "How late the slowest hundredth of the event loop's turns is, by process; every request waits for it.",
        unit: "s",
        thresholds: ["text", [0.2, "red"]],
        showThresholds: true,
        queries: [query(agg("max", sel("nodejs_eventloop_delay_p99_seconds", here), "instance"), "{{instance}}")],
      }),
    ]),
    ...inOneLine([
      timeSeries("memory", {
        title: "Memory by process",
        description: "Resident memory and the used heap of each process. A line that only rises is a leak.",
        unit: "bytes",
        queries: [
          query(agg("sum", sel("process_resident_memory_bytes", here), "instance"), "{{instance}} resident"),
          query(agg("sum", sel("nodejs_heap_used_bytes", here), "instance"), "{{instance}} heap used"),
        ],
      }),
      timeSeries("pools", {
        title: "Connections to upstreams",
        description: "Busy connections to each upstream, of 64 in a process, and requests that wait for one.",
        unit: "short",
        queries: [
          query(
            agg("sum", sel("upstream_pool_connections", { ...here, state: "busy" }), "upstream"),
            "{{upstream}} busy",
          ),
          query(agg("sum", sel("upstream_pool_waiting_requests", here), "upstream"), "{{upstream}} waiting"),
        ],
      }),
      timeSeries("clients", {
        title: "Clients",
        description:
          "Open connections of clients, whether they have sent a request or not, and requests that are not yet answered.",
        unit: "short",
        queries: [
          query(agg("sum", sel("active_connections", here)), "connections"),
          query(agg("sum", sel("http_requests_in_flight", here)), "in flight"),
        ],
      }),
    ]),
    ...inOneLine([
      timeSeries("pauses", {
        title: "Garbage collection",
        description: "Share of the time that each process spends in garbage collections.",
        unit: "percentunit",
        queries: [query(agg("sum", rate("nodejs_gc_pause_seconds_total", window, here), "instance"), "{{instance}}")],
      }),
      timeSeries("dropped", {
        title: "Telemetry given up",
        description:
          "Spans per second that could not be handed to Jaeger in time, by cause; requests do not wait for them.",
        unit: "cps",
        queries: [query(agg("sum", rate("trace_spans_dropped_total", window, here), "cause"), "{{cause}}")],
      }),
    ]),
  ],
};
