// The services' caches: their flags, loads that fail, and a cache that seldom has what is asked of it.
import { agg, rate } from "../telemetry/promql.ts";
import { at, cacheFlags, common, panel } from "./cache-flags.ts";
import { type Alert, fillLabels, given, missing } from "./rule.ts";
import { counted, sharing } from "./share.ts";

const patient = { cache: "patient" } as const;

export const cacheAlerts: readonly Alert[] = [
  ...cacheFlags,
  cacheShare({
    name: "CacheLoadsFailing",
    measures: "Failed loads",
    panel: panel("loads"),
    part: "cache_load_failures_total",
    whole: "cache_loads_total",
    limit: 0.05,
    // Fifteen in five minutes.
    least: 0.05,
    summary: "{{ $labels.job }} fails to load what its cache {{ $labels.cache }} lacks.",
    action: "Look at the source: the service's log and traces tell why the loads fail.",
  }),
  cacheShare({
    name: "CacheHitRatioLow",
    measures: "Misses",
    panel: panel("caches"),
    part: "cache_misses_total",
    whole: "cache_requests_total",
    limit: 0.5,
    least: 1,
    summary: "The cache {{ $labels.cache }} of {{ $labels.job }} lacks most of what it is asked for.",
    action:
      "See whether invalidations, evictions or refused stores have grown, or whether callers ask for other things.",
  }),
];

interface CacheShare extends Pick<Alert, "name" | "measures" | "panel" | "summary" | "action"> {
  readonly part: "cache_load_failures_total" | "cache_misses_total";
  readonly whole: "cache_loads_total" | "cache_requests_total";
  readonly limit: number;
  readonly least: number;
}

function cacheShare({ part, whole, ...alert }: CacheShare): Alert {
  const each = (series: CacheShare["part"] | CacheShare["whole"]) => agg("sum", rate(series, "5m"), "job", "cache");
  return sharing({
    ...common,
    ...alert,
    part: each(part),
    whole: each(whole),
    given: (ordinal, phases) => [
      given(
        part,
        { ...patient, ...at(ordinal) },
        counted(phases, ([, some]) => some),
      ),
      given(
        whole,
        { ...patient, ...at(ordinal) },
        counted(phases, ([, , all]) => all),
      ),
    ],
    missing: missing(part, { cache: "inventory" }),
    firing: { job: "clinical-service", ...patient },
    told: fillLabels(alert.summary, { job: "clinical-service", ...patient }),
  });
}
