// What each component of the stack costs: processor, memory, new starts, and the disk where somebody knows of it. On the process
// platform its supervisor tells, elsewhere each component does so itself.
import { agg, type Expr, promql, rate, sel } from "../telemetry/promql.ts";
import { coresUsed, residentMemory } from "./expressions.ts";
import {
  inOneLine,
  noneIsGood,
  type PanelSpec,
  type Query,
  query,
  type RowSpec,
  readyOrNot,
  type States,
  stat,
  stateTimeline,
  timeSeries,
  upOrDown,
} from "./panels.ts";
import { table } from "./table.ts";

/** Who tells of what components cost, each with the label that names a component. */
interface Costs<L extends string = string> {
  readonly by: L;
  /** One while a component is well, else zero. */
  readonly well: Expr<L>;
  readonly states: States;
  readonly words: { readonly unwell: string; readonly ofOne: string };
  /** Cores in use. */
  readonly cpu: Expr<L>;
  /** Bytes. */
  readonly memory: Expr<L>;
  /** Starts after the first, within the time shown. */
  readonly restarts: Expr<L>;
  /** Free bytes of the disk, and its size. */
  readonly disk?: { readonly free: Expr; readonly size: Expr };
}

const window = "$__rate_interval";
const service = { service: { matches: "$service" } } as const;
const job = { job: { matches: "$job" } } as const;
const uptime = sel("otelcol_process_uptime_seconds_total", job);

export const supervised: Costs<"service"> = {
  by: "service",
  well: sel("supervisor_service_ready", service) as Expr<"service">,
  states: readyOrNot,
  words: { unwell: "Not ready", ofOne: "whether its readiness check passes" },
  cpu: rate("supervisor_service_cpu_seconds_total", window, service) as Expr<"service">,
  memory: sel("supervisor_service_resident_memory_bytes", service) as Expr<"service">,
  restarts: promql`increase(${sel("supervisor_service_restarts_total", service)}[$__range])` as Expr<"service">,
  disk: { free: sel("supervisor_disk_free_bytes"), size: sel("supervisor_disk_size_bytes") },
};

export const told: Costs<"job"> = {
  by: "job",
  well: sel("up", job) as Expr<"job">,
  states: upOrDown,
  words: { unwell: "Not answering", ofOne: "whether it answers every scrape" },
  cpu: coresUsed(job) as Expr<"job">,
  memory: residentMemory(job) as Expr<"job">,
  restarts:
    promql`changes(${sel("process_start_time_seconds", job)}[$__range]) or resets(${uptime}[$__range])` as Expr<"job">,
};

/** The first rows of the dashboard Stack. */
export function costs<L extends string>(costs: Costs<L>): readonly RowSpec[] {
  const { by, well, states, words, cpu, memory, restarts, disk } = costs;
  /** A line, or a row of the table, for each component. */
  const each = (op: "sum" | "min", expr: Expr<L>): Query => ({
    expr: agg(op, expr, by).text,
    legend: `{{${by}}}`,
  });
  return [
    { panels: inOneLine([...totals(costs), ...(disk === undefined ? [] : room(disk))]) },
    {
      panels: [
        timeSeries("cpu", {
          title: "Processor by service",
          description: "Processor cores that each service uses; 1 is one core fully busy.",
          unit: "none",
          height: 11,
          stacked: true,
          queries: [each("sum", cpu)],
        }),
        timeSeries("memory", {
          title: "Memory by service",
          description: "Resident memory of each service. A line that only rises is a leak.",
          unit: "bytes",
          height: 11,
          stacked: true,
          queries: [each("sum", memory)],
        }),
        table("cost", {
          title: "Cost by service",
          description: `Each service now: ${words.ofOne}, its processor, its memory, and its starts after the first within the time shown.`,
          unit: "none",
          height: 14,
          columns: [{ label: by, title: "Service" }],
          queries: [each("min", well), each("sum", cpu), each("sum", memory), each("sum", restarts)],
          values: [
            { title: "State", states },
            { title: "Cores", decimals: 3 },
            { title: "Memory", unit: "bytes" },
            { title: "Restarts", decimals: 0, thresholds: ["text", [1, "orange"], [5, "red"]] },
          ],
          sortBy: { column: "Memory", descending: true },
        }),
        stateTimeline("readiness", {
          title: "Readiness",
          description: `Of each service over time, ${words.ofOne}.`,
          unit: "none",
          height: 14,
          states,
          queries: [each("min", well)],
        }),
      ],
    },
  ];
}

const totals = <L extends string>({ well, words, cpu, memory, restarts }: Costs<L>): readonly PanelSpec[] => [
  stat("not-ready", {
    title: words.unwell,
    description: `Of each service ${words.ofOne}: how many are not well now.`,
    unit: "none",
    thresholds: noneIsGood,
    queries: [query(agg("sum", promql`${well} == bool 0`), "not well")],
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
];

const room = ({ free, size }: NonNullable<Costs["disk"]>): readonly PanelSpec[] => [
  stat("disk-free", {
    title: "Disk free",
    description: "Free space of the volume that holds the state. Prometheus stops to store when it is full.",
    unit: "bytes",
    thresholds: ["red", [1_073_741_824, "orange"], [5_368_709_120, "green"]],
    history: true,
    queries: [query(agg("min", free), "free")],
  }),
  stat("disk-free-share", {
    title: "Disk free, share",
    description: "The same as a share of the volume.",
    unit: "percentunit",
    decimals: 1,
    thresholds: ["red", [0.1, "orange"], [0.2, "green"]],
    history: true,
    queries: [query(promql`${agg("min", free)} / ${agg("min", size)}`, "free")],
  }),
];
