// The process platform's pure side: what it adds to a stack, and the stack as processes on this machine.
import { findTool } from "../../../tools/resolve.ts";
import { codeHash } from "../../code-hash.ts";
import type { StackConfig } from "../../config.ts";
import { StackError } from "../../errors.ts";
import type { Planner } from "../platform.ts";
import { codeRoot, stateRoot } from "./checkout.ts";
import { type ProcessPlan, planProcesses, processBook, validateProcess } from "./plan.ts";

const supervisorPort = 9199;

export const supervisorPortOf = ({ portOffset }: StackConfig): number => supervisorPort + portOffset;

export const planner: Planner<ProcessPlan> = {
  surroundings: (config) => ({
    has: (tool) => findTool(tool) !== undefined && !(tool === "grafana" && config.grafana === "off"),
    services: [
      {
        name: "supervisor",
        kind: "external",
        about: "starts, watches and measures the stack's processes",
        owner: "platform",
        version: "",
        artifact: {},
        external: { address: `127.0.0.1:${supervisorPortOf(config)}` },
        ports: { metrics: { number: supervisorPort } },
        metrics: [{ port: "metrics" }],
      },
    ],
  }),
  plan: (config, { specs, aliases }) => {
    const problems = validateProcess(specs, config);
    if (problems.length > 0) throw new StackError(problems);
    const context = {
      root: stateRoot(config.environment),
      portOffset: config.portOffset,
      aliases,
      codeHash: (entry: string) => codeHash(codeRoot, entry),
    };
    return planProcesses(specs, processBook(specs, context), context);
  },
};
