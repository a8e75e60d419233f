// `npm run rules -- --out DIR`: the rule files and their promtool unit tests, without a running stack.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { type AlertInput, proofFiles, ruleFiles } from "../../alerts/index.ts";
import { loadConfig } from "../../components/config.ts";
import { isRef, splitPort, type Tree } from "../../components/spec.ts";
import { command, UsageError } from "../stack/command.ts";

const help = `npm run rules -- --out DIR   the rule files of a stack with the default configuration and their promtool unit tests
One TOPIC.rules.yaml and one TOPIC.test.yaml per topic of alerts; addresses are service names. Prove them:
promtool test rules DIR/*.test.yaml`;

const standalone: AlertInput = {
  config: loadConfig({ environment: "dev", values: {}, secretKeys: [] }),
  services: ["prometheus", "alertmanager", "jaeger", "grafana", "integration-health", "db-stats"].map((name) => ({
    name,
    owner: "platform",
    hasMetrics: true,
  })),
};

// Other modules import from here.
if (import.meta.main)
  await command(help, { out: { type: "string" } }, async ({ values }) => {
    if (typeof values.out !== "string") throw new UsageError("--out is missing.");
    const files = { ...ruleFiles(standalone), ...proofFiles(standalone) };
    await mkdir(values.out, { recursive: true });
    for (const [name, tree] of Object.entries(files))
      await writeFile(join(values.out, name), stringify(withServiceNames(tree)));
    console.log(`${Object.keys(files).length} files in ${values.out}`);
    return 0;
  });

/** A tree in which every address is its service's name, as in a cluster: what can be read without a platform. */
export function withServiceNames(tree: Tree): Tree {
  if (isRef(tree)) {
    if (tree.$ === "parts") return tree.parts.map(withServiceNames).join("");
    if (tree.$ === "secret") return `/secrets/${tree.name}`;
    if (tree.$ === "at") return `${tree.as === "url" ? "http://" : ""}${splitPort(tree.to).service}${tree.path}`;
    return tree;
  }
  if (Array.isArray(tree)) return tree.map(withServiceNames);
  if (typeof tree === "object" && tree !== null)
    return Object.fromEntries(Object.entries(tree).map(([key, item]) => [key, withServiceNames(item as Tree)]));
  return tree;
}
