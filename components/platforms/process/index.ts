// The process platform: real binaries on this machine under one supervisor, registered as Pulumi resources.
import { isAbsolute } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { findTool } from "../../../tools/resolve.ts";
import { codeHash } from "../../code-hash.ts";
import type { StackConfig } from "../../config.ts";
import { StackError } from "../../errors.ts";
import type { Stack, Surroundings } from "../../stack.ts";
import type { OpenPage } from "../platform.ts";
import { codeRoot, linkState, stateRoot } from "./checkout.ts";
import { type ProcessPlan, planProcesses, processBook, validateProcess } from "./plan.ts";

const supervisorEntry = "components/platforms/process/main.ts";
const supervisorPort = 9199;

/** What the platform adds and has: its supervisor as a watched service, and the tools of this machine. */
export const surroundings = (config: StackConfig): Surroundings => ({
  has: (tool) => findTool(tool) !== undefined && !(tool === "grafana" && config.grafana === "off"),
  services: [
    {
      name: "supervisor",
      kind: "external",
      about: "starts, watches and measures the stack's processes",
      owner: "platform",
      version: "",
      artifact: {},
      external: { address: `127.0.0.1:${supervisorPort + config.portOffset}` },
      ports: { metrics: { number: supervisorPort } },
      metrics: [{ port: "metrics" }],
    },
  ],
});

/** Stack -> plan. Throws a StackError for what cannot run here. */
export function planStack(config: StackConfig, { specs, aliases }: Stack): ProcessPlan {
  const problems = validateProcess(specs, config);
  if (problems.length > 0) throw new StackError(problems);
  const context = {
    root: stateRoot(config.environment),
    portOffset: config.portOffset,
    aliases,
    codeHash: (entry: string) => codeHash(codeRoot, entry),
  };
  return planProcesses(specs, processBook(specs, context), context);
}

/** A resource of our own provider: the type names it there, the properties travel as they are. */
class Provided extends pulumi.CustomResource {
  declare readonly value: pulumi.Output<string>;
  constructor(type: string, name: string, properties: pulumi.Inputs, options: pulumi.CustomResourceOptions) {
    super(type, name, properties, options);
  }
}

/** Registers the plan. Returns the pages that a person can open. */
export function deploy(config: StackConfig, plan: ProcessPlan, set: pulumi.Config): readonly OpenPage[] {
  if (isAbsolute(plan.root)) linkState(config.environment, plan.root);
  const instances = plan.services.flatMap((service) => service.instances);
  const supervisor = new Provided(
    "vitals:process:Supervisor",
    "supervisor",
    {
      root: plan.root,
      stack: config.environment,
      checkout: codeRoot,
      metricsPort: supervisorPort + config.portOffset,
      code: codeHash(codeRoot, supervisorEntry),
      instances: instances.map(({ instance }) => instance).toSorted(),
    },
    {},
  );
  const names = [...new Set(instances.flatMap(({ secrets }) => secrets))].toSorted();
  const secrets = new Map(names.map((name) => [name, secretValue(name, plan.root, config, set)]));
  const registered = new Map<string, Provided>();
  for (const { service, instances: parts, after } of inOrder(plan)) {
    const used = [...new Set(parts.flatMap((part) => part.secrets))];
    registered.set(
      service,
      new Provided(
        "vitals:process:Service",
        service,
        {
          root: plan.root,
          instances: parts,
          secrets: Object.fromEntries(used.map((name) => [name, secrets.get(name)])),
        },
        { parent: supervisor, dependsOn: after.flatMap((name) => registered.get(name) ?? []) },
      ),
    );
  }
  return instances.flatMap(({ service, pages }) => pages.map((page) => ({ service, ...page })));
}

/** What a person has set, else what is generated once. */
function secretValue(name: string, root: string, config: StackConfig, set: pulumi.Config): pulumi.Output<string> {
  if (config.secrets.includes(name)) return set.requireSecret(name);
  return new Provided(
    "vitals:index:Secret",
    name,
    { bytes: 24, root, value: undefined },
    { additionalSecretOutputs: ["value"] },
  ).value;
}

/** Services after all that they wait for. The stack has checked that there is no cycle. */
function inOrder(plan: ProcessPlan): ProcessPlan["services"] {
  const byName = new Map(plan.services.map((each) => [each.service, each]));
  const ordered = new Set<ProcessPlan["services"][number]>();
  const visit = (each: ProcessPlan["services"][number]): void => {
    for (const name of each.after) {
      const other = byName.get(name);
      if (other !== undefined && !ordered.has(other)) visit(other);
    }
    ordered.add(each);
  };
  plan.services.forEach(visit);
  return [...ordered];
}
