// The process platform's thin half: the plan as resources of our own provider.
import { isAbsolute } from "node:path";
import { codeHash } from "../../code-hash.ts";
import type { Deploy } from "../deploy.ts";
import { Provided, secretValue } from "../provided.ts";
import { codeRoot, linkState } from "./checkout.ts";
import type { ProcessPlan } from "./plan.ts";
import { supervisorPortOf } from "./platform.ts";

const supervisorEntry = "components/platforms/process/main.ts";

/** Registers the plan. Returns the pages that a person can open. */
export const deploy: Deploy<ProcessPlan> = (config, plan, set) => {
  if (isAbsolute(plan.root)) linkState(config.environment, plan.root);
  const instances = plan.services.flatMap((service) => service.instances);
  const supervisor = new Provided(
    "vitals:process:Supervisor",
    "supervisor",
    {
      root: plan.root,
      stack: config.environment,
      checkout: codeRoot,
      metricsPort: supervisorPortOf(config),
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
};

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
