// StackConfig -> ServiceSpec[]: which services an environment has, checked as a whole.
import type { StackConfig } from "./config.ts";
import { type Problem, StackError } from "./errors.ts";
import { redis } from "./services/redis.ts";
import { refsOf, type ServiceSpec, splitPort } from "./spec.ts";

/** Every service of an environment. `platformServices` are what the platform itself adds, such as its supervisor. */
export function describe(config: StackConfig, platformServices: readonly ServiceSpec[]): readonly ServiceSpec[] {
  const specs = [redis(config), ...platformServices];
  const problems = [...checkNames(specs), ...checkReferences(specs), ...checkCycles(specs)];
  if (problems.length > 0) throw new StackError(problems);
  return specs;
}

function checkNames(specs: readonly ServiceSpec[]): readonly Problem[] {
  const names = specs.map(({ name }) => name);
  return names
    .filter((name, index) => names.indexOf(name) !== index)
    .map((name) => ({ where: name, what: "two services have this name", remedy: "Rename the entry in vitals:services." }));
}

function checkReferences(specs: readonly ServiceSpec[]): readonly Problem[] {
  const known = new Set(specs.flatMap((spec) => Object.keys(spec.ports).map((port) => `${spec.name}/${port}`)));
  return specs.flatMap((spec) => {
    const own = [...refsOf(spec)];
    const missing = [
      ...own.flatMap((ref) => ("to" in ref && !known.has(ref.to) ? [`refers to ${ref.to}`] : [])),
      ...(spec.needs ?? []).flatMap(({ on }) => (known.has(on) ? [] : [`needs ${on}`])),
      ...own.flatMap((ref) => (ref.$ === "listen" && spec.ports[ref.port] === undefined ? [`listens on ${ref.port}`] : [])),
      ...own.flatMap((ref) => (ref.$ === "dir" && spec.volumes?.[ref.volume] === undefined ? [`uses the volume ${ref.volume}`] : [])),
      ...(spec.metrics ?? []).flatMap(({ port }) => (spec.ports[port] === undefined ? [`has metrics on ${port}`] : [])),
    ];
    return missing.map((what) => ({ where: spec.name, what: `${what}, which does not exist`, remedy: "Correct the name in its data sheet." }));
  });
}

function checkCycles(specs: readonly ServiceSpec[]): readonly Problem[] {
  const needs = new Map(specs.map((spec) => [spec.name, (spec.needs ?? []).map(({ on }) => splitPort(on).service)]));
  const done = new Set<string>();
  const walk = (name: string, way: readonly string[]): readonly Problem[] => {
    if (way.includes(name))
      return [{ where: name, what: `needs itself: ${[...way.slice(way.indexOf(name)), name].join(" -> ")}`, remedy: "Take one of these needs away." }];
    if (done.has(name)) return [];
    const found = (needs.get(name) ?? []).flatMap((next) => walk(next, [...way, name]));
    done.add(name);
    return found;
  };
  return specs.flatMap(({ name }) => walk(name, []));
}
