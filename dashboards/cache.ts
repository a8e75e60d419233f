// The services' caches as they see themselves: what is found, what the source is spared, Redis that is gone past, invalidations, memory.
import type { RecordedRate } from "../telemetry/catalogue/recorded.ts";
import { agg, type Expr, mean, promql, rate, type Series, sel } from "../telemetry/promql.ts";
import { grown } from "./expressions.ts";
import {
  type DashboardLeaf,
  has,
  noneIsGood,
  query,
  type RowSpec,
  type States,
  stat,
  stateTimeline,
  timeSeries,
} from "./panels.ts";
import { table } from "./table.ts";
import { chosenInstance, instanceVariable, labelVariable } from "./variables.ts";

export const cache: DashboardLeaf = {
  name: "cache",
  title: "Cache",
  description: "The services' caches: what is found, what their sources are spared, invalidations, Redis gone past.",
  variables: () => [
    labelVariable({
      name: "job",
      label: "Service",
      description: "The services that the panels show.",
      metric: "cache_requests_total",
    }),
    instanceVariable("cache_circuit_open", "The processes that the panels of each process show.", chosen),
  ],
  toldBy: () => sel("cache_circuit_open", chosen),
  rows: (input) => (has(input).caches ? [headline, answers, source, invalidations, processes] : []),
};

type CacheSeries = Extract<Series, `cache_${string}`>;
/** What is recorded of each service, and of each cache of each. */
type OfJob<R = RecordedRate> = R extends `job:${infer Counter extends `cache_${string}`}:rate5m` ? Counter : never;
type OfCache<R = RecordedRate> = R extends `job_cache:${infer Counter}:rate5m` ? Counter : never;

const window = "$__rate_interval";
const chosen = { job: { matches: "$job" } } as const;
const here = { ...chosen, ...chosenInstance };
const now = (series: CacheSeries): Expr<never> => agg("sum", sel(series, chosen));
const perSecond = (counter: OfJob): Expr<never> => agg("sum", mean(`job:${counter}:rate5m`, window, chosen));
/** How much a counter of each cache grew within the time shown. */
const within = (counter: OfCache): Expr<"job" | "cache"> => grown(sel(`job_cache:${counter}:rate5m`, chosen));
const quantile = (share: number, series: "cache_redis_read_duration_seconds" | "cache_load_duration_seconds") =>
  promql`histogram_quantile(${share}, ${agg("sum", mean(`job:${series}_bucket:rate5m`, window, chosen), "le")})`;

const requests = perSecond("cache_requests_total");
const found = mean("job_layer:cache_hits_total:rate5m", window, chosen);
const hits = agg("sum", found, "layer");
const spared = [sel("job_layer:cache_hits_total:rate5m", chosen), sel("job:cache_coalesced_total:rate5m", chosen)];
const asked = promql`${within("cache_requests_total")} > 0`;
const loads = promql`${within("cache_loads_total")} > 0`;

const headline: RowSpec = {
  panels: [
    stat("found", {
      title: "Found",
      description: "Share of the values asked for that a cache had. Low after a flush or a failover until it is warm.",
      unit: "percentunit",
      decimals: 0,
      history: true,
      thresholds: ["red", [0.5, "orange"], [0.8, "green"]],
      emptyWhenHealthy: "Nothing asked",
      queries: [query(promql`${agg("sum", found)} / (${requests} > 0)`, "found")],
    }),
    stat("spared", {
      title: "Loads spared",
      description:
        "Loads within the time shown that no source had to bear: values found, and loads that callers shared.",
      unit: "short",
      decimals: 0,
      thresholds: ["blue"],
      queries: [
        query(
          spared.map((each) => agg("sum", grown(each))).reduce((all, each) => promql`${all} + ${each}`),
          "spared",
        ),
      ],
    }),
    stat("failing", {
      title: "Loads failing",
      description: "Share of the loads that fail now. The cache is not the cause: look at the source.",
      unit: "percentunit",
      decimals: 1,
      history: true,
      thresholds: ["green", [0.01, "orange"], [0.05, "red"]],
      emptyWhenHealthy: "No load",
      queries: [
        query(promql`${perSecond("cache_load_failures_total")} / (${perSecond("cache_loads_total")} > 0)`, "failing"),
      ],
    }),
    stat("past-redis", {
      title: "Past Redis",
      description:
        "Processes that go past Redis now, because it is away, hangs or refuses; the source bears their load.",
      unit: "none",
      thresholds: noneIsGood,
      queries: [query(now("cache_circuit_open"), "processes")],
    }),
    stat("off", {
      title: "Switched off",
      description: "Processes whose caching somebody has switched off; npm run cache:enable switches it on again.",
      unit: "none",
      thresholds: noneIsGood,
      queries: [query(now("cache_disabled"), "processes")],
    }),
    stat("waiting", {
      title: "Still to invalidate",
      description: "Processes that have invalidations to make up for. Do not restart them: they would forget them.",
      unit: "none",
      thresholds: noneIsGood,
      queries: [query(now("cache_invalidations_pending"), "processes")],
    }),
  ],
};

const answers: RowSpec = {
  title: "What callers get",
  panels: [
    timeSeries("layers", {
      title: "Found, by layer",
      description:
        "Share of the values asked for that the process had itself (l1) or that Redis had (l2). The rest is loaded.",
      unit: "percentunit",
      min: 0,
      max: 1,
      stacked: true,
      queries: [query(promql`${hits} / on () group_left () (${requests} > 0)`, "{{layer}}")],
    }),
    timeSeries("latency", {
      title: "Time by layer",
      description:
        "Half of the reads of Redis, and of the loads from the source, are faster than their lower line, 99 of 100 than the upper one. A value of the process's own takes about a microsecond.",
      unit: "s",
      queries: [
        query(quantile(0.5, "cache_redis_read_duration_seconds"), "Redis, median"),
        query(quantile(0.99, "cache_redis_read_duration_seconds"), "Redis, 99 %"),
        query(quantile(0.5, "cache_load_duration_seconds"), "source, median"),
        query(quantile(0.99, "cache_load_duration_seconds"), "source, 99 %"),
      ],
    }),
    table("caches", {
      title: "Caches",
      description:
        "Each cache that was asked for something within the time shown. One that seldom has what it is asked for costs more than it spares.",
      unit: "short",
      width: 24,
      height: 9,
      emptyWhenHealthy: "–",
      queries: [
        query(asked, "{{job}} {{cache}}"),
        query(promql`${within("cache_hits_total")} / ${asked}`, "{{job}} {{cache}}"),
        query(promql`${within("cache_loads_total")} and ${asked}`, "{{job}} {{cache}}"),
        query(promql`${within("cache_load_duration_seconds_sum")} / ${loads}`, "{{job}} {{cache}}"),
        query(promql`${within("cache_load_failures_total")} / ${loads}`, "{{job}} {{cache}}"),
      ],
      columns: [
        { label: "job", title: "Service" },
        { label: "cache", title: "Cache" },
      ],
      values: [
        { title: "Asked", unit: "short", decimals: 0 },
        { title: "Found", unit: "percentunit", decimals: 0, thresholds: ["red", [0.5, "orange"], [0.8, "green"]] },
        { title: "Loads", unit: "short", decimals: 0 },
        { title: "Mean load", unit: "s" },
        { title: "Failing", unit: "percentunit", decimals: 1, thresholds: ["green", [0.01, "orange"], [0.05, "red"]] },
      ],
      sortBy: { column: "Asked", descending: true },
    }),
  ],
};

const source: RowSpec = {
  title: "What sources bear",
  panels: [
    timeSeries("loads", {
      title: "Loads",
      description:
        "Loads per second, those that failed, and requests that shared another's load: many of those are a stampede that the source did not see.",
      unit: "ops",
      queries: [
        query(perSecond("cache_loads_total"), "loaded"),
        query(perSecond("cache_load_failures_total"), "failed"),
        query(perSecond("cache_coalesced_total"), "shared another's"),
      ],
    }),
    timeSeries("exceptions", {
      title: "Out of the ordinary",
      description:
        "Per second: loads past the cache, values served after their time, and loaded values that were not stored because they were invalid by then or Redis did not take them.",
      unit: "ops",
      queries: [
        query(perSecond("cache_bypassed_total"), "past the cache"),
        query(perSecond("cache_stale_served_total"), "stale"),
        query(perSecond("cache_refused_stores_total"), "not stored"),
      ],
    }),
  ],
};

const invalidations: RowSpec = {
  title: "What makes invalid",
  panels: [
    timeSeries("invalidations", {
      title: "Invalidations",
      description:
        "Invalidations per second by what they cover. A wide tag or pattern that is often made empties a cache.",
      unit: "ops",
      queries: [query(agg("sum", rate("cache_invalidations_total", window, chosen), "kind"), "{{kind}}")],
    }),
    timeSeries("unfinished", {
      title: "Invalidations that Redis did not take at once",
      description:
        "Per second and service. The process remembers them and makes up for them when Redis is back; others may serve what they cover until then.",
      unit: "ops",
      queries: [
        query(
          agg("sum", rate("cache_unfinished_invalidations_total", window, chosen), "job", "namespace"),
          "{{job}} {{namespace}}",
        ),
      ],
    }),
  ],
};

const fallback: States = { 0: ["With Redis", "green"], 1: ["Past Redis", "red"] };

const processes: RowSpec = {
  title: "Processes",
  panels: [
    stateTimeline("fallback", {
      title: "Fallback",
      description:
        "When each process went past Redis. All at once: Redis was away. One alone: its network or password.",
      unit: "none",
      states: fallback,
      queries: [
        query(agg("max", sel("cache_circuit_open", here), "instance", "namespace"), "{{instance}} {{namespace}}"),
      ],
    }),
    timeSeries("entries", {
      title: "Values of the process's own",
      description: "How many values each process keeps itself. At its limit, one leaves for each that comes.",
      unit: "short",
      queries: [
        query(agg("sum", sel("cache_l1_entries", here), "instance", "namespace"), "{{instance}} {{namespace}}"),
      ],
    }),
    timeSeries("bytes", {
      title: "Memory of these",
      description: "Their size as they are stored; as objects they take about three times as much of the process.",
      unit: "bytes",
      queries: [query(agg("sum", sel("cache_l1_bytes", here), "instance", "namespace"), "{{instance}} {{namespace}}")],
    }),
    timeSeries("evictions", {
      title: "Evicted by the process",
      description: "Values per second that left because the process had no room for more; Redis may still have them.",
      unit: "ops",
      queries: [query(agg("sum", rate("cache_evictions_total", window, here), "instance"), "{{instance}}")],
    }),
  ],
};
