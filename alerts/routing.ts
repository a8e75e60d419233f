// Alertmanager's configuration: who is told what, when, and what is not told because something else explains it.
import type { StackConfig } from "../components/config.ts";
import type { Problem } from "../components/errors.ts";
import type { Tree, Value } from "../components/spec.ts";
import { hardDown, symptoms } from "./causes.ts";
import { mutedIn, muteProblems, singledOut, timeIntervals } from "./mute.ts";
import { deadMansSwitch, destinationOf, heartbeatOf, nobody, pager, receivers, slackFor } from "./receivers.ts";

export interface RoutingOptions {
  /** The file that holds `slackTemplate`, as Alertmanager sees it. */
  readonly template: Value;
  /** Name -> the services, databases and integrations whose failure explains its own; those of `vitals:services` are added. */
  readonly dependsOn?: Readonly<Record<string, readonly string[]>>;
  /** Every other name that `dependsOn` may use: the stack's own services. */
  readonly services?: readonly string[];
}

/** One line for the person who brings the stack up, when messages go nowhere. */
export const routingNotice = (config: StackConfig): string | undefined =>
  destinationOf(config) === "none"
    ? "No Slack message will be sent: set the webhook with `pulumi config set --secret vitals:slackWebhookUrl`, or vitals:demo true for the inbox."
    : undefined;

export const alertmanagerConfig = (config: StackConfig, options: RoutingOptions): Tree => ({
  global: { resolve_timeout: "5m" },
  templates: [options.template],
  ...(config.muteWindows.length === 0 ? {} : { time_intervals: timeIntervals(config) }),
  route: {
    receiver: nobody,
    group_by: ["alertname", "service"],
    group_wait: "30s",
    group_interval: "5m",
    repeat_interval: "24h",
    routes: [
      ...(heartbeatOf(config) === undefined ? [] : [heartbeat]),
      { matchers: ['severity="info"'], receiver: nobody },
      ...singledOut(config).map((service) => ({
        matchers: [`service="${service}"`],
        receiver: nobody,
        routes: bySeverity(config, service),
      })),
      ...bySeverity(config),
    ],
  },
  inhibit_rules: inhibitions(dependencies(config, options)),
  receivers: receivers(config),
});

/** Told every minute that the whole chain works; silence for three is an alarm there. */
const heartbeat: Tree = {
  matchers: ['alertname="Watchdog"'],
  receiver: deadMansSwitch,
  group_wait: "0s",
  group_interval: "1m",
  repeat_interval: "1m",
};

/** Hard-down has to be read within two minutes of the fault; a resolve waits for the next group_interval. */
const atOnce = { group_wait: "5s", group_interval: "30s", repeat_interval: "4h" } as const;

function bySeverity(config: StackConfig, service?: string): readonly Tree[] {
  const told = destinationOf(config) !== "none";
  const route = (severity: "page" | "ticket", more: { readonly [key: string]: Tree }): Tree => {
    const windows = mutedIn(config, severity, service);
    return {
      matchers: [`severity="${severity}"`],
      ...more,
      ...(windows.length === 0 ? {} : { mute_time_intervals: windows }),
    };
  };
  return [
    ...(config.pageReceiver === undefined ? [] : [route("page", { receiver: pager, continue: true, ...atOnce })]),
    route("page", { receiver: told ? slackFor("page") : nobody, ...atOnce }),
    route("ticket", { receiver: told ? slackFor("ticket") : nobody }),
  ];
}

/** What is wrong with `dependsOn` and the mute windows: names that do not exist, and circles, in which all would silence all. */
export function routingProblems(
  config: StackConfig,
  options: Pick<RoutingOptions, "dependsOn" | "services">,
): readonly Problem[] {
  const graph = dependencies(config, options);
  const known = new Set([
    ...(options.services ?? []),
    ...Object.keys(options.dependsOn ?? {}),
    ...config.services.map(({ name }) => name),
    ...config.integrations.map(({ name }) => name),
    ...config.databases.map(({ id }) => id),
  ]);
  const dependsOn = config.services.flatMap(({ name, dependsOn }, index) => {
    const where = `vitals:services[${index}].dependsOn`;
    const unknown = dependsOn.filter((other) => !known.has(other));
    return [
      ...unknown.map((other) => ({
        where,
        what: `"${other}" is no service, database or integration of this stack`,
        remedy: `Use one of: ${[...known].toSorted().join(", ")}.`,
        follows: ["vitals:platform", "vitals:services", "vitals:integrations", "vitals:databases"],
      })),
      ...(reachable(graph, name).has(name)
        ? [
            {
              where,
              what: `"${name}" depends on itself through ${dependsOn.join(", ")}: each would silence the other`,
              remedy: "Keep only the direction in which a failure spreads.",
            },
          ]
        : []),
    ];
  });
  return [...dependsOn, ...muteProblems(config, [...known])];
}

type Graph = ReadonlyMap<string, readonly string[]>;

const dependencies = (config: StackConfig, { dependsOn }: Pick<RoutingOptions, "dependsOn">): Graph => {
  const own = Object.fromEntries(config.services.map((service) => [service.name, service.dependsOn]));
  return new Map(Object.entries({ ...dependsOn, ...own }).filter(([, names]) => names.length > 0));
};

/** Everything that a name depends on, near or far. */
function reachable(graph: Graph, from: string): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [...(graph.get(from) ?? [])];
  for (let name = open.pop(); name !== undefined; name = open.pop())
    if (!found.has(name)) {
      found.add(name);
      open.push(...(graph.get(name) ?? []));
    }
  return found;
}

/**
 * Every alert has `service`, so that `equal` never compares two missing labels. What depends on something that is hard down is
 * silent as a whole; what is hard down silences its own symptoms; a page silences the ticket of the same name.
 */
const inhibitions = (graph: Graph): readonly Tree[] => [
  {
    source_matchers: [oneOf("alertname", hardDown)],
    target_matchers: [oneOf("alertname", symptoms)],
    equal: ["service"],
  },
  {
    source_matchers: ['severity="page"'],
    target_matchers: ['severity="ticket"'],
    equal: ["alertname", "service"],
  },
  ...[...graph.keys()].flatMap((name) => {
    const causes = [...reachable(graph, name)].filter((cause) => cause !== name).toSorted();
    return causes.length === 0
      ? []
      : [
          {
            source_matchers: [oneOf("alertname", hardDown), oneOf("service", causes)],
            target_matchers: [`service="${name}"`],
          },
        ];
  }),
];

const oneOf = (label: string, values: readonly string[]): string => `${label}=~"${values.join("|")}"`;
