// Ports of one machine, which everything that runs on it shares.
import type { Problem } from "../errors.ts";
import type { PortSpec, ServiceSpec } from "../spec.ts";
import { replicasOf } from "./platform.ts";

/** Replicas of one service share the machine, so each takes its ports this far from the one before. */
const replicaStride = 1_000;

export const portOnMachine = (number: number, ordinal: number, offset: number): number =>
  number + offset + ordinal * replicaStride;

/** What browsers and Node's own fetch refuse to open, of the ports above 1023: https://fetch.spec.whatwg.org/#port-blocking. */
export const closedToBrowsers: readonly number[] = [
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

/** Ports that cannot be, or that two services want. `takes`: whether a port is one of the machine's at all. */
export function portProblems(
  specs: readonly ServiceSpec[],
  offset: number,
  takes: (port: PortSpec) => boolean = () => true,
): readonly Problem[] {
  const problems: Problem[] = [];
  const taken = new Map<string, string>();
  for (const spec of specs.filter(({ kind }) => kind !== "external"))
    for (const { ordinal } of replicasOf(spec))
      for (const [port, each] of Object.entries(spec.ports).filter(([, spec]) => takes(spec))) {
        const real = portOnMachine(each.number, ordinal, offset);
        const key = `${each.protocol ?? "tcp"} ${real}`;
        if (real > 65_535)
          problems.push({
            where: `${spec.name}/${port}`,
            what: `port ${real} is above 65535`,
            remedy: "Choose a smaller vitals:portOffset.",
          });
        if (each.title !== undefined && each.scheme === undefined && closedToBrowsers.includes(real))
          problems.push({
            where: `${spec.name}/${port}`,
            what: `port ${real} is one that no browser opens`,
            remedy: "Choose another vitals:portOffset.",
          });
        const other = taken.get(key);
        if (other !== undefined)
          problems.push({
            where: `${spec.name}/${port}`,
            what: `wants port ${real}, which ${other} has`,
            remedy: "Give one of them another number.",
          });
        taken.set(key, `${spec.name}/${port}`);
      }
  return problems;
}
