// Each watched service: it answers its scrape and is scraped at all, or is ready where it has no metrics; and does not keep restarting.
import { agg, promql, sel } from "../telemetry/promql.ts";
import { type Alert, given, missing } from "./rule.ts";

export interface WatchedService {
  readonly name: string;
  readonly owner: string;
  readonly hasMetrics: boolean;
  /** Whether it is in order that nothing of it is there. */
  readonly optional?: boolean;
  /** Whether it does its work once and ends. */
  readonly ends?: boolean;
  /** The service of which it takes a backup by the clock. */
  readonly backsUp?: string;
}

const panel = { dashboard: "vitals-overview" } as const;

/** `supervised`: whether our supervisor runs the services; elsewhere nobody tells of one without metrics. */
export const serviceAlerts = (services: readonly WatchedService[], supervised: boolean): readonly Alert[] => {
  const scraped = services.filter(({ hasMetrics }) => hasMetrics);
  const silent = supervised ? services.filter(({ hasMetrics, ends }) => !hasMetrics && ends !== true) : [];
  return [
    ...scraped.flatMap((service) => [down(service), ...(service.optional ? [] : [absent(service, scraped)])]),
    ...silent.map(notReady),
    flapping,
  ];
};

const targetOf = (name: string, ordinal = 0) => ({ job: name, instance: `${name}-${ordinal}` });

const down = ({ name, owner }: WatchedService): Alert => ({
  name: "ServiceDown",
  expr: promql`${sel("up", { job: name })} == 0`,
  // Four scrapes in a row: of a stack's that each lose one in a hundred, three do so every other week.
  for: "45s",
  keepFiringFor: "1m",
  severity: "page",
  owner,
  service: name,
  summary: "{{ $labels.instance }} does not answer its scrape.",
  action: "See whether its process runs and read the end of its log.",
  panel,
  proofs: [
    {
      says: "fires forty-five seconds after one replica stops answering, and resolves a minute after it answers again",
      given: [given("up", targetOf(name), "1x3 0x11 1x40"), given("up", targetOf(name, 1), "1x60")],
      firing: {
        "45s": [],
        "1m30s": [],
        "1m45s": [targetOf(name)],
        "3m45s": [targetOf(name)],
        "4m45s": [targetOf(name)],
        "5m": [],
      },
      text: { at: "1m45s", summary: `${name}-0 does not answer its scrape.`, value: "0" },
    },
    {
      says: "is silent for three failed scrapes in a row, however often",
      given: [given("up", targetOf(name), "1 0 0 0 1 0 0 0 1 0 1x20")],
      firing: { "1m": [], "2m": [], "5m": [] },
    },
    {
      says: "is silent for another service and for a target that is not there",
      given: [given("up", targetOf(`${name}-other`), "0x40"), missing("up", targetOf(name))],
      firing: { "1m": [], "10m": [] },
    },
  ],
});

const absent = ({ name, owner }: WatchedService, all: readonly WatchedService[]): Alert => {
  const others = all.filter((other) => other.name !== name).map((other) => given("up", targetOf(other.name), "1x60"));
  return {
    name: "ServiceAbsent",
    // Counted in samples: of a target that is gone, `absent` finds the last one for five minutes where none was marked as the end.
    expr: promql`absent_over_time(${sel("up", { job: name })}[2m])`,
    // Prometheus has scraped nothing in the first moments after its own start.
    for: "1m",
    keepFiringFor: "1m",
    severity: "page",
    owner,
    service: name,
    summary: `Prometheus has no target of ${name}.`,
    action:
      "Compare the scrape configuration with what runs; a renamed or removed service needs an update of the stack.",
    panel,
    proofs: [
      {
        says: "fires three minutes after the last scrape of the last target, its end marked or not, and resolves a minute after one is back",
        given: [
          given("up", targetOf(name), "1x3 stale _x18 1x40"),
          given("up", targetOf(name, 1), "1x2 _x20 1x40"),
          ...others,
        ],
        firing: {
          "45s": [],
          "3m30s": [],
          "3m45s": [{ job: name }],
          "5m30s": [{ job: name }],
          "6m30s": [{ job: name }],
          "6m45s": [],
        },
        text: { at: "3m45s", summary: `Prometheus has no target of ${name}.` },
      },
      {
        says: "is silent while a target is down but known",
        given: [given("up", targetOf(name), "0x40"), ...others],
        firing: { "3m": [], "10m": [] },
      },
      {
        says: "fires when the service was never there",
        given: [missing("up", targetOf(name)), given("up", targetOf(`${name}-other`), "1x40"), ...others],
        firing: { "45s": [], "1m": [{ job: name }], "10m": [{ job: name }] },
      },
    ],
  };
};

const readinessOf = (name: string, values: string, ordinal = 0) =>
  given("supervisor_service_ready", { service: name, job: "supervisor", instance: `supervisor-${ordinal}` }, values);

const notReady = ({ name, owner }: WatchedService): Alert => ({
  name: "ServiceNotReady",
  expr: promql`${agg("min", sel("supervisor_service_ready", { service: name }), "service")} == 0`,
  // Longer than what reads a database waits before it says more of it than we can, and gone before that is.
  for: "1m",
  keepFiringFor: "30s",
  severity: "page",
  owner,
  service: name,
  equivalent: { "8 service -> nothing": "The alert's own label service says the same." },
  summary: `${name} is not ready: it does not run, or its readiness check fails.`,
  action: "See what npm run status says of it and read the end of its log.",
  panel,
  proofs: [
    {
      says: "fires a minute after the service is not ready any more, and resolves half a minute after it is again",
      given: [readinessOf(name, "1x3 0x19 1x40"), readinessOf(`${name}-other`, "1x60")],
      firing: {
        "1m": [],
        "1m45s": [],
        "2m": [{ service: name }],
        "5m45s": [{ service: name }],
        "6m15s": [{ service: name }],
        "6m30s": [],
      },
      text: { at: "2m", summary: `${name} is not ready: it does not run, or its readiness check fails.`, value: "0" },
    },
    {
      says: "is silent for restarts, however many",
      given: [readinessOf(name, "1 0x3 1 0x3 1 0x3 1x20")],
      firing: { "1m": [], "2m": [], "3m": [], "5m": [] },
    },
    {
      says: "believes the one of two supervisors that says no",
      given: [readinessOf(name, "0x40"), readinessOf(name, "1x40", 1)],
      firing: { "45s": [], "1m": [{ service: name }] },
    },
    {
      says: "is silent for another service and where no supervisor tells of it",
      given: [
        readinessOf(`${name}-other`, "0x40"),
        missing("supervisor_service_ready", { service: name, job: "supervisor" }),
      ],
      firing: { "1m": [], "10m": [] },
    },
  ],
});

const restarting = { service: "redis" } as const;
const restartsOf = (values: string) =>
  given("supervisor_service_restarts_total", { ...restarting, job: "supervisor", instance: "supervisor-0" }, values);

const flapping: Alert = {
  name: "ServiceFlapping",
  measures: "Restarts in ten minutes",
  // Three or more; increase() extrapolates, so that a whole number is no safe threshold.
  expr: promql`${agg("sum", promql`increase(${sel("supervisor_service_restarts_total")}[10m])`, "service")} > ${2.5}`,
  for: "1m",
  keepFiringFor: "5m",
  severity: "ticket",
  owner: "platform",
  service: "{{ $labels.service }}",
  unit: "count",
  equivalent: { "68 > -> >=": "Restarts are whole numbers; their increase is not 2.5." },
  summary: "{{ $labels.service }} was restarted three times or more in ten minutes.",
  action: "Read why it ended in its log: each start is announced with the reason of the one before.",
  panel,
  proofs: [
    {
      says: "fires a minute after the third restart, and resolves when ten quiet minutes and the hold are over",
      given: [restartsOf("0x39 1x3 2x3 3x100")],
      firing: {
        "11m45s": [],
        "12m45s": [],
        "13m": [restarting],
        "19m30s": [restarting],
        "24m30s": [restarting],
        "24m45s": [],
      },
      text: {
        at: "13m",
        summary: "redis was restarted three times or more in ten minutes.",
        value: "3",
      },
    },
    {
      says: "counts the restarts that two supervisors saw together",
      given: [
        restartsOf("0x39 1x3 2x100"),
        given("supervisor_service_restarts_total", { ...restarting, instance: "supervisor-1" }, "0x39 1x100"),
      ],
      firing: { "10m45s": [], "12m": [restarting] },
    },
    {
      says: "is silent for two restarts",
      given: [restartsOf("0x39 1x3 2x100")],
      firing: { "12m": [], "15m": [], "25m": [] },
    },
    {
      says: "is silent where nothing counts restarts",
      given: [missing("supervisor_service_restarts_total", restarting)],
      firing: { "10m": [] },
    },
  ],
};
