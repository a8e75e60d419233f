// The services' caches: Redis that is gone past, loads that fail, and a cache that seldom has what is asked of it.
import { agg, type Expr, promql, rate, sel } from "../telemetry/promql.ts";
import { type Alert, counter, type Given, given, limited, metByChance, missing, type Proof } from "./rule.ts";

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
  sharing({
    name: "CacheLoadsFailing",
    part: "cache_load_failures_total",
    whole: "cache_loads_total",
    limit: 0.05,
    // Fifteen in five minutes.
    least: 0.05,
    summary: "{{ $labels.job }} fails to load what its cache {{ $labels.cache }} lacks.",
    action: "Look at the source: the service's log and traces tell why the loads fail.",
  }),
  sharing({
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

interface Sharing extends Pick<Alert, "name" | "summary" | "action"> {
  readonly part: "cache_load_failures_total" | "cache_misses_total";
  readonly whole: "cache_loads_total" | "cache_requests_total";
  /** The share of `part` in `whole` that is too high, 0 to 0.6. */
  readonly limit: number;
  /** So many of `part` in a second say nothing yet: with little traffic a few would be a high share. */
  readonly least: number;
}

/** Too high a share over five minutes, for five minutes. */
function sharing({ name, summary, action, part, whole, limit, least }: Sharing): Alert {
  const each = (series: Sharing["part"] | Sharing["whole"]): Expr<"job" | "cache"> =>
    agg("sum", rate(series, "5m"), "job", "cache");
  const high = limited(
    limit,
    "ratio",
    (value) => promql`${each(part)} / ${each(whole)} > ${value} and ${each(part)} > ${least}`,
  );
  return {
    ...common,
    name,
    summary,
    action,
    ...high,
    for: "5m",
    keepFiringFor: "5m",
    equivalent: metByChance(high.expr.text),
    proofs: sharingProofs({ summary, part, whole, limit, least }),
  };
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

/** Of two processes; rates are per second, a sample is 15 s, and the five minutes see 19 increments. */
function sharingProofs({ summary, part, whole, limit, least }: Omit<Sharing, "name" | "action">): Alert["proofs"] {
  type Phase = readonly [samples: number, part: number, whole: number];
  const split = (weights: readonly [number, number], ...phases: readonly Phase[]): readonly Given[] =>
    weights.flatMap((weight, ordinal) => {
      const labels = { ...patient, ...at(ordinal) };
      // They have counted before: a counter that begins at 0 is extrapolated less.
      const values = (of: 1 | 2) =>
        counter(
          phases.map((phase) => [phase[0], phase[of] * weight * 15]),
          1_000_000,
        );
      return [given(part, labels, values(1)), given(whole, labels, values(2))];
    });
  const much = (40 * least) / limit;
  const firing = [{ job: "clinical-service", ...patient }];
  const proofs: readonly [Proof, ...Proof[]] = [
    {
      says: "fires five minutes after the share has grown, whatever the traffic was, and resolves five after it is low",
      given: split([0.75, 0.25], [20, 0, 2 * much], [60, 1.6 * limit * much, much], [30, 0, much]),
      firing: { "13m30s": [], "13m45s": firing, "20m": firing, "26m45s": firing, "27m": [] },
      text: {
        at: "13m45s",
        summary: summary.replace("{{ $labels.job }}", "clinical-service").replace("{{ $labels.cache }}", "patient"),
        value: `${limit * 160}%`,
      },
    },
    {
      says: "is silent at the limit",
      given: split([0.75, 0.25], [40, limit * much, much]),
      firing: { "6m": [], "9m": [] },
    },
    {
      says: "is silent with little traffic, whatever the share",
      given: split([0.5, 0.5], [40, least, least]),
      firing: { "6m": [], "9m": [] },
    },
    {
      says: "fires when the traffic is just enough",
      given: split([0.5, 0.5], [20, 0.9 * least, 0.9 * least], [30, 1.5 * least, 1.5 * least]),
      firing: { "10m45s": [], "11m": firing, "12m": firing },
    },
    {
      says: "is silent without traffic, and where no service has a cache",
      given: [...split([0.5, 0.5], [40, 0, 0]), missing(part, { cache: "inventory" })],
      firing: { "6m": [], "9m": [] },
    },
  ];
  return proofs;
}
