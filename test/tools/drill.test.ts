// A drill that cannot be run says so before it does anything.
import { describe, expect, it } from "vitest";
import { drills } from "../../tools/drills/index.ts";
import { runDrill } from "../../tools/drills/run.ts";
import type { RunningStack } from "../../tools/stack/running.ts";

/** A stack that runs, with these services; a request to its supervisor would fail, there is none. */
const runningWith = (...services: readonly string[]): RunningStack => ({
  stack: "lab",
  root: "/nowhere",
  supervisor: { socket: "/nowhere/socket" } as unknown as NonNullable<RunningStack["supervisor"]>,
  instances: services.map(
    (service) =>
      ({ service, instance: `${service}-0`, ports: { web: "127.0.0.1:1" } }) as unknown as RunningStack["instances"][0],
  ),
});

describe("a drill", () => {
  it.each(drills.map((drill) => [drill.name, drill] as const))(
    "%s on a stack whose service somebody else runs says so in one line and a remedy, and touches nothing",
    async (name, drill) => {
      const said: string[] = [];
      const ran = runDrill(
        drill,
        runningWith("demo-slack", "prometheus"),
        (line) => said.push(line),
        AbortSignal.abort(),
      );
      await expect(ran).rejects.toThrow(
        new RegExp(`^${name}: the stack lab runs no ${drill.needs.join()} of its own .*\n {2}-> .*vitals:redis[^\n]*$`),
      );
      expect(said).toEqual([]);
    },
  );
});
