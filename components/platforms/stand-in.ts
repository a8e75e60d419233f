// Where an optional program cannot be had, its stand-in takes its place; elsewhere the stand-in is left out.
import type { ServiceName, ServiceSpec } from "../spec.ts";

export interface Substitution {
  readonly specs: readonly ServiceSpec[];
  /** Missing service -> the one that stands in for it. */
  readonly aliases: ReadonlyMap<ServiceName, ServiceName>;
}

/** Pure: which services really run, given the tools that can be had. A missing tool without a stand-in is left for `validate`. */
export function substitute(specs: readonly ServiceSpec[], has: (tool: string) => boolean): Substitution {
  const aliases = new Map<ServiceName, ServiceName>();
  for (const { name, artifact, standIn } of specs)
    if (standIn !== undefined && artifact.tool !== undefined && !has(artifact.tool)) aliases.set(name, standIn);
  const standIns = new Set(specs.flatMap(({ standIn }) => (standIn === undefined ? [] : [standIn])));
  const needed = new Set(aliases.values());
  return {
    specs: specs.filter(({ name }) => !aliases.has(name) && (!standIns.has(name) || needed.has(name))),
    aliases,
  };
}
