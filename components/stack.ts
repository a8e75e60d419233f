// StackConfig -> ServiceSpec[]: which services an environment has, checked as a whole.
import { frontOf, overrideProblems, ruleFiles } from "../alerts/index.ts";
import { routingProblems } from "../alerts/routing.ts";
import { dashboardFiles, panelFor } from "../dashboards/index.ts";
import type { StackConfig } from "./config.ts";
import { type Problem, StackError } from "./errors.ts";
import { type AlertmanagerFiles, alertmanager, alertmanagerFiles } from "./services/alertmanager.ts";
import { demo } from "./services/demo.ts";
import { exporters } from "./services/exporters.ts";
import { discovered, external } from "./services/external.ts";
import { gateway } from "./services/gateway.ts";
import { grafana, viewer } from "./services/grafana.ts";
import { jaeger } from "./services/jaeger.ts";
import { prometheus } from "./services/prometheus.ts";
import { redis } from "./services/redis.ts";
import { sizeProblems } from "./services/sizes.ts";
import { slackRelay } from "./services/slack-relay.ts";
import {
  type BesideSpec,
  outsideUrl,
  refsOf,
  type ServiceName,
  type ServiceSpec,
  splitPort,
  type Tree,
} from "./spec.ts";

/** What a platform tells before a stack is described. */
export interface Surroundings {
  /** What the platform itself adds to the watched services, such as its supervisor. */
  readonly services: readonly ServiceSpec[];
  /** Whether a tool can be had there; a service without its tool gives way to its stand-in. */
  readonly has: (tool: string) => boolean;
}

export interface Stack {
  readonly specs: readonly ServiceSpec[];
  /** A service that cannot be had -> the one that stands in for it. */
  readonly aliases: ReadonlyMap<ServiceName, ServiceName>;
}

export interface Survey {
  readonly stack: Stack;
  readonly problems: readonly Problem[];
}

/** What alerts and dashboards know of a service. */
export interface ServiceInfo {
  readonly name: string;
  readonly owner: string;
  readonly about: string;
  readonly hasMetrics: boolean;
  /** Whether it is in order that none of it is there, as with pods that may or may not ask to be scraped. */
  readonly optional?: boolean;
  /** Whether it does its work once and ends. */
  readonly ends: boolean;
  /** The service of which it takes a backup by the clock. */
  readonly backsUp?: string;
}

/** Files of some services that speak of all services. */
interface Generated {
  readonly rules: Readonly<Record<string, Tree>>;
  readonly dashboards: Readonly<Record<string, Tree>>;
  readonly alerts: AlertmanagerFiles;
}

/** Every service of an environment. Throws one StackError with all that does not fit together. */
export function describe(config: StackConfig, surroundings: Surroundings): Stack {
  const { stack, problems } = survey(config, surroundings);
  if (problems.length > 0) throw new StackError(problems);
  return stack;
}

/** As `describe`, for a caller that has more to find out before it tells. */
export function survey(config: StackConfig, surroundings: Surroundings): Survey {
  // The first round only tells who is there; the second has the files that speak of it.
  const named = assemble(config, surroundings, { rules: {}, dashboards: {}, alerts: {} });
  const services = named.specs.map(serviceInfo);
  const dependencies = { dependsOn: needsOf(named.specs), services: services.map(({ name }) => name) };
  const runbooks = outsideUrl("integration-health/web", "/runbooks");
  const links = {
    runbooks,
    panelFor: panelFor({ config, services }),
    ...frontOf({ config, services }),
  };
  const stack = assemble(config, surroundings, {
    rules: ruleFiles({ config, services, links }),
    dashboards: dashboardFiles({ config, services, runbooks }),
    alerts: alertmanagerFiles(config, dependencies),
  });
  const clashes = checkNames(config, named);
  return {
    stack,
    problems: [
      ...clashes,
      ...overrideProblems({ config, services }),
      ...sizeProblems(
        config,
        named.specs.filter(({ kind }) => kind !== "external"),
      ),
      ...routingProblems(config, dependencies),
      // A name that two have leads to either of them.
      ...(clashes.length > 0 ? [] : [...checkReferences(stack), ...checkCycles(stack)]),
    ],
  };
}

/** What explains a service's failure: what it needs. An Alertmanager explains none: what tells it of failures runs on without it. */
const needsOf = (specs: readonly ServiceSpec[]): Readonly<Record<string, readonly string[]>> =>
  Object.fromEntries(
    specs.flatMap(({ name, needs = [] }) => {
      const causes = needs.map(({ on }) => splitPort(on).service).filter((service) => service !== "alertmanager");
      return causes.length === 0 ? [] : [[name, causes]];
    }),
  );

function assemble(config: StackConfig, { services, has }: Surroundings, files: Generated): Stack {
  const { specs, aliases } = substitute(
    [
      redis(config),
      jaeger(config),
      alertmanager(config, files.alerts),
      ...slackRelay(config),
      grafana(config, files.dashboards),
      viewer(config, files.dashboards),
      ...exporters(config),
      ...gateway(config),
      ...(config.demo ? demo(config) : []),
      ...config.services.map(external),
      ...discovered(config),
      ...services,
    ],
    has,
  );
  return { specs: [...specs, prometheus(config, specs, files.rules)], aliases };
}

/** What alerts and dashboards are told of a service. */
export const serviceInfo = ({
  name,
  kind,
  owner,
  about,
  metrics,
  pods,
  schedule,
  beside,
}: ServiceSpec): ServiceInfo => ({
  name,
  owner,
  about,
  hasMetrics: metrics !== undefined,
  optional: typeof pods?.port === "object",
  ends: kind === "job",
  ...(schedule !== undefined && beside !== undefined && { backsUp: beside.service }),
});

/** Where an optional program cannot be had, its stand-in takes its place; elsewhere the stand-in is left out. */
export function substitute(specs: readonly ServiceSpec[], has: (tool: string) => boolean): Stack {
  const aliases = new Map(
    specs.flatMap(({ name, artifact, standIn }) =>
      standIn !== undefined && artifact.tool !== undefined && !has(artifact.tool) ? [[name, standIn] as const] : [],
    ),
  );
  const standIns = new Set(specs.flatMap(({ standIn }) => standIn ?? []));
  const needed = new Set(aliases.values());
  return {
    specs: specs.filter(({ name }) => !aliases.has(name) && (!standIns.has(name) || needed.has(name))),
    aliases,
  };
}

/** Two entries with one name are told by the configuration itself; here it is the stack's own services that have the name. */
function checkNames(config: StackConfig, { specs }: Stack): readonly Problem[] {
  const { services } = config;
  const count = (all: readonly { readonly name: string }[], name: string) =>
    all.filter((each) => each.name === name).length;
  return services.flatMap(({ name }, index) =>
    count(specs, name) === count(services, name)
      ? []
      : [
          {
            where: `vitals:services[${index}].name`,
            what: `is "${name}", the name of a service of the stack itself`,
            remedy: "Give the entry a name of its own.",
            follows: ["vitals:platform", ...(demo(config).some((each) => each.name === name) ? ["vitals:demo"] : [])],
          },
        ],
  );
}

function checkReferences({ specs, aliases }: Stack): readonly Problem[] {
  const has = (to: string) => {
    const { service, port } = splitPort(to);
    const spec = specs.find(({ name }) => name === (aliases.get(service) ?? service));
    return port === "" ? spec?.kind === "job" : spec?.ports[port] !== undefined;
  };
  const volumeOf = ({ service, volume }: BesideSpec) =>
    specs.find(({ name }) => name === service)?.volumes?.[volume] !== undefined;
  return specs.flatMap((spec) => {
    const own = [...refsOf(spec)];
    const missing = [
      ...own.flatMap((ref) => ("to" in ref && !has(ref.to) ? [`refers to ${ref.to}`] : [])),
      ...(spec.needs ?? []).flatMap(({ on }) => (has(on) ? [] : [`needs ${on}`])),
      ...own.flatMap((ref) =>
        ref.$ === "listen" && spec.ports[ref.port] === undefined ? [`listens on ${ref.port}`] : [],
      ),
      ...own.flatMap((ref) =>
        ref.$ === "dir" && spec.volumes?.[ref.volume] === undefined ? [`uses the volume ${ref.volume}`] : [],
      ),
      ...(spec.beside === undefined || volumeOf(spec.beside) ? [] : [`stands beside ${spec.beside.service}`]),
      ...(spec.metrics ?? []).flatMap(({ port }) => (spec.ports[port] === undefined ? [`has metrics on ${port}`] : [])),
    ];
    return missing.map((what) => ({
      where: spec.name,
      what: `${what}, which does not exist`,
      remedy: "Correct the name in its data sheet.",
    }));
  });
}

function checkCycles({ specs }: Stack): readonly Problem[] {
  const needs = new Map(specs.map((spec) => [spec.name, (spec.needs ?? []).map(({ on }) => splitPort(on).service)]));
  const done = new Set<string>();
  const walk = (name: string, way: readonly string[]): readonly Problem[] => {
    if (way.includes(name))
      return [
        {
          where: name,
          what: `needs itself: ${[...way.slice(way.indexOf(name)), name].join(" -> ")}`,
          remedy: "Take one of these needs away.",
        },
      ];
    if (done.has(name)) return [];
    const found = (needs.get(name) ?? []).flatMap((next) => walk(next, [...way, name]));
    done.add(name);
    return found;
  };
  return specs.flatMap(({ name }) => walk(name, []));
}
