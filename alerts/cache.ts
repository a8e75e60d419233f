// The services' caches: Redis that is gone past, loads that fail, and a cache that seldom has what is asked of it.
import { agg, promql, rate, sel } from "../telemetry/promql.ts";
import { type Alert, fillLabels, given, missing } from "./rule.ts";
import { counted, sharing } from "./share.ts";

const panel = { dashboard: "vitals-overview" } as const;
const at = (ordinal: number) => ({ job: "clinical-service", instance: `clinical-service-${ordinal}` });
const clinic = { namespace: "clinic" } as const;
const patient = { cache: "patient" } as const;
const common = { owner: "platform", service: "{{ $labels.job }}", panel, severity: "ticket" } as const;

export const cacheAlerts: readonly Alert[] = [
  {
    ...common,
    name: "CacheFallbackActive",
    // `sum`: the message tells how many processes.
    expr: promql`${agg("sum", sel("cache_circuit_open"), "job", "namespace")} > 0`,
    for: "1m",
    keepFiringFor: "2m",
    summary:
      "{{ $labels.job }} goes past Redis: what its cache {{ $labels.namespace }} kept is loaded from the source each time.",
    action:
      "See whether Redis runs, takes writes and lets the service in, and whether the source bears the additional load.",
    proofs: fallbackProofs(),
  },
  cacheShare({
    name: "CacheLoadsFailing",
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
    part: "cache_misses_total",
    whole: "cache_requests_total",
    limit: 0.5,
    least: 1,
    summary: "The cache {{ $labels.cache }} of {{ $labels.job }} lacks most of what it is asked for.",
    action:
      "See whether invalidations, evictions or refused stores have grown, or whether callers ask for other things.",
  }),
];

interface CacheShare extends Pick<Alert, "name" | "summary" | "action"> {
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

function fallbackProofs(): Alert["proofs"] {
  const open = (ordinal: number, values: string) => given("cache_circuit_open", { ...clinic, ...at(ordinal) }, values);
  const firing = [{ job: "clinical-service", ...clinic }];
  return [
    {
      says: "fires when a process has gone past Redis for a minute, and resolves two minutes after none does",
      given: [
        open(0, "0x3 1x11 0x40"),
        open(1, "0x3 1x11 0x40"),
        open(2, "0x60"),
        given("cache_circuit_open", { namespace: "pharmacy", ...at(0) }, "0x60"),
      ],
      firing: { "1m45s": [], "2m": firing, "3m45s": firing, "5m45s": firing, "6m": [] },
      text: {
        at: "2m",
        summary: "clinical-service goes past Redis: what its cache clinic kept is loaded from the source each time.",
        value: "2",
      },
    },
    {
      says: "fires for a single process",
      given: [open(0, "1x20"), open(1, "0x20")],
      firing: { "45s": [], "1m": firing, "5m": firing },
    },
    {
      says: "is silent while Redis is there, and for a breaker that closes again at once",
      given: [open(0, "0x60"), open(1, "0x8 1 1 0x10 1 1 0x40")],
      firing: { "3m": [], "6m": [], "10m": [] },
    },
    {
      says: "is silent where no service has a cache",
      given: [missing("cache_circuit_open", clinic)],
      firing: { "1m": [], "10m": [] },
    },
  ];
}
