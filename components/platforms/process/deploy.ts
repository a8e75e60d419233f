// The process platform's thin half: the plan as resources of our own provider.
import { toolsDir } from "../../../tools/cache.ts";
import { findTool } from "../../../tools/resolve.ts";
import { codeHash } from "../../code-hash.ts";
import { type Problem, StackError } from "../../errors.ts";
import type { Deploy } from "../deploy.ts";
import { inOrder } from "../order.ts";
import { guarded, Provided, secretValue } from "../provided.ts";
import { codeRoot } from "./checkout.ts";
import type { InstancePlan, ProcessPlan } from "./plan.ts";
import { supervisorPortOf } from "./platform.ts";
import type { Draft } from "./verify.ts";

const supervisorEntry = "components/platforms/process/main.ts";

/** Registers the plan. Returns the pages that a person can open. */
export const deploy: Deploy<ProcessPlan> = (config, plan, set) => {
  const problems = missingTools(plan);
  if (problems.length > 0) throw new StackError(problems);
  const instances = plan.services.flatMap((service) => service.instances);
  // No change takes a folder of data away here; volumes that a stack had on another platform would be left behind.
  const guard = guarded({});
  const supervisor = new Provided(
    "vitals:process:Supervisor",
    "supervisor",
    {
      root: plan.root,
      stack: config.environment,
      checkout: codeRoot,
      metricsPort: supervisorPortOf(config),
      code: codeHash(codeRoot, supervisorEntry),
      ports: [
        { service: "supervisor", name: "metrics", number: supervisorPortOf(config) },
        ...instances.flatMap(({ service, ports }) =>
          ports.flatMap(({ name, number, protocol }) => (protocol === "tcp" ? [{ service, name, number }] : [])),
        ),
      ],
    },
    { dependsOn: [guard] },
  );
  const names = [...new Set(instances.flatMap(({ secrets }) => secrets))].toSorted();
  const secrets = new Map(names.map((name) => [name, secretValue(name, plan.root, config, set, [supervisor])]));
  const handed = (parts: readonly InstancePlan[]): Record<string, unknown> =>
    Object.fromEntries([...new Set(parts.flatMap((part) => part.secrets))].map((name) => [name, secrets.get(name)]));
  const verified = instances.filter(({ verify }) => verify.length > 0);
  const configuration = new Provided(
    "vitals:process:Configuration",
    "configuration",
    {
      root: plan.root,
      instances: instances.map(({ instance }) => instance).toSorted(),
      drafts: JSON.stringify(
        verified.map(
          ({ instance, version, files, secretFiles, verify }): Draft => ({
            instance,
            version,
            files,
            secretFiles,
            verify,
          }),
        ),
      ),
      secrets: handed(verified),
    },
    { parent: supervisor },
  );
  const registered = new Map<string, Provided>();
  for (const { service, instances: parts, after } of inOrder(plan.services)) {
    registered.set(
      service,
      new Provided(
        "vitals:process:Service",
        service,
        {
          root: plan.root,
          plan: JSON.stringify(parts),
          secrets: handed(parts),
        },
        { parent: supervisor, dependsOn: [configuration, ...after.flatMap((name) => registered.get(name) ?? [])] },
      ),
    );
  }
  return instances.flatMap(({ service, pages }) => pages.map((page) => ({ service, ...page })));
};

/** Programs that are not there, all at once and before anything starts. */
function missingTools({ services }: ProcessPlan): readonly Problem[] {
  const wanted = services.flatMap(({ service, instances }) =>
    instances.flatMap(({ run, ready, alive, verify }) =>
      [
        ...("tool" in run ? [run.tool] : []),
        ...[ready, alive].flatMap((check) => (check !== undefined && "exec" in check ? [check.exec[0] ?? ""] : [])),
        ...verify.map(({ tool }) => tool),
      ].map((tool) => ({ service, tool })),
    ),
  );
  const missing = wanted.filter(({ tool }) => findTool(tool) === undefined);
  return [...Map.groupBy(missing, ({ service }) => service)].map(([service, tools]) => ({
    where: service,
    what: `its program is not there: ${[...new Set(tools.map(({ tool }) => tool))].join(", ")} (looked on PATH and in ${toolsDir()})`,
    remedy: "Get it: npm run tools -- get.",
  }));
}
