// What the services' caches say of themselves that is true or not: Redis is gone past, invalidations reach nobody else, caching is off.
import { dashboardUid, panelId } from "../dashboards/link.ts";
import { agg, promql, sel } from "../telemetry/promql.ts";
import { type Alert, given, missing } from "./rule.ts";

export const common = {
  owner: "platform",
  service: "{{ $labels.job }}",
  traces: "{{ $labels.job }}",
  severity: "ticket",
} as const;
export const panel = (key: string) => ({ dashboard: dashboardUid("cache"), id: panelId(key) });
export const at = (ordinal: number) => ({ job: "clinical-service", instance: `clinical-service-${ordinal}` });
const clinic = { namespace: "clinic" } as const;
const stuck = agg("sum", sel("cache_invalidations_pending"), "job", "namespace");

export const cacheFlags: readonly Alert[] = [
  {
    ...common,
    name: "CacheFallbackActive",
    measures: "Processes",
    panel: panel("fallback"),
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
  {
    ...common,
    name: "CacheInvalidationsStuck",
    measures: "Processes",
    panel: panel("waiting"),
    severity: "page",
    // While all processes of a namespace go past Redis, nobody is served what one of them has made invalid.
    expr: promql`${stuck} > 0 and on (namespace) ${agg("min", sel("cache_circuit_open"), "namespace")} == 0`,
    for: "1m",
    keepFiringFor: "2m",
    summary:
      "{{ $labels.job }} cannot tell Redis what it has made invalid in the cache {{ $labels.namespace }}: others may serve what is not right any more.",
    action:
      "Empty the caches with npm run cache:flush-all, then see why this process does not reach Redis; do not restart it.",
    proofs: stuckProofs(),
  },
  {
    ...common,
    name: "CacheSwitchedOff",
    measures: "Processes",
    panel: panel("off"),
    expr: promql`${agg("sum", sel("cache_disabled"), "job", "namespace")} > 0`,
    for: "30m",
    summary: "Caching of {{ $labels.namespace }} in {{ $labels.job }} has been switched off for half an hour.",
    action: "When what it was switched off for is over, switch it on again with npm run cache:enable.",
    proofs: offProofs(),
  },
];

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

function stuckProofs(): Alert["proofs"] {
  const pending = (ordinal: number, values: string) =>
    given("cache_invalidations_pending", { ...clinic, ...at(ordinal) }, values);
  const open = (ordinal: number, values: string) => given("cache_circuit_open", { ...clinic, ...at(ordinal) }, values);
  const firing = [{ job: "clinical-service", ...clinic }];
  return [
    {
      says: "fires a minute after one process alone cannot reach Redis, and resolves two minutes after it has made up for it",
      given: [
        pending(0, "0x3 1x11 0x40"),
        pending(1, "0x60"),
        open(0, "0x3 1x11 0x40"),
        open(1, "0x60"),
        given("cache_invalidations_pending", { namespace: "pharmacy", ...at(2) }, "0x60"),
        given("cache_circuit_open", { namespace: "pharmacy", ...at(2) }, "0x60"),
      ],
      firing: { "1m45s": [], "2m": firing, "3m45s": firing, "5m45s": firing, "6m": [] },
      text: {
        at: "2m",
        summary:
          "clinical-service cannot tell Redis what it has made invalid in the cache clinic: others may serve what is not right any more.",
        value: "1",
      },
    },
    {
      says: "counts every process that has something to make up for, also where its own breaker is closed again",
      given: [pending(0, "1x20"), pending(1, "1x20"), open(0, "0x20"), open(1, "0x20")],
      firing: { "45s": [], "1m": firing, "4m": firing },
      text: {
        at: "1m",
        summary:
          "clinical-service cannot tell Redis what it has made invalid in the cache clinic: others may serve what is not right any more.",
        value: "2",
      },
    },
    {
      says: "is silent while all processes go past Redis, whatever happens in another namespace, and for a moment's wait",
      given: [
        pending(0, "1x40"),
        open(0, "1x40"),
        open(1, "1x40"),
        given("cache_circuit_open", { namespace: "pharmacy", ...at(2) }, "0x40"),
        given("cache_invalidations_pending", { namespace: "pharmacy", ...at(2) }, "0x8 1 1 0x30"),
      ],
      firing: { "2m": [], "5m": [], "9m": [] },
    },
    {
      says: "is silent where no service has a cache",
      given: [missing("cache_invalidations_pending", clinic), missing("cache_circuit_open", clinic)],
      firing: { "1m": [], "9m": [] },
    },
  ];
}

function offProofs(): Alert["proofs"] {
  const off = (ordinal: number, values: string) => given("cache_disabled", { ...clinic, ...at(ordinal) }, values);
  const firing = [{ job: "clinical-service", ...clinic }];
  return [
    {
      says: "fires half an hour after caching was switched off, and resolves when it is on again",
      given: [
        off(0, "0x3 1x160 0x20"),
        off(1, "0x3 1x160 0x20"),
        given("cache_disabled", { namespace: "pharmacy", ...at(0) }, "0x190"),
      ],
      firing: { "30m45s": [], "31m": firing, "41m": firing, "41m15s": [] },
      text: {
        at: "31m",
        summary: "Caching of clinic in clinical-service has been switched off for half an hour.",
        value: "2",
      },
    },
    {
      says: "fires for one process that has not heard that it is on again",
      given: [off(0, "1x140"), off(1, "0x140")],
      firing: { "29m45s": [], "30m": firing, "34m": firing },
    },
    {
      says: "is silent while caching is on, for an interruption of twenty minutes, and where no service has a cache",
      given: [off(0, "0x3 1x80 0x80"), missing("cache_disabled", { namespace: "pharmacy", ...at(0) })],
      firing: { "19m": [], "31m": [], "40m": [] },
    },
  ];
}
