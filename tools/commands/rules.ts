// `npm run rules -- --out DIR`: the rule files and their promtool unit tests, without a running stack.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { stringify } from "yaml";
import { type AlertInput, proofFiles, ruleFiles } from "../../alerts/index.ts";
import { loadConfig } from "../../components/config.ts";
import { messageOf } from "../../components/errors.ts";
import { isRef, splitPort, type Tree } from "../../components/spec.ts";

const usage = `Usage: npm run rules -- --out DIR

Writes one TOPIC.rules.yaml and one TOPIC.test.yaml per topic of alerts into DIR, for a stack with the default
configuration. Addresses are service names. Prove them: promtool test rules DIR/*.test.yaml
`;

export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { out: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help || values.out === undefined) {
    (values.help ? process.stdout : process.stderr).write(usage);
    return values.help ? 0 : 2;
  }
  const files = { ...ruleFiles(standalone), ...proofFiles(standalone) };
  await mkdir(values.out, { recursive: true });
  for (const [name, tree] of Object.entries(files))
    await writeFile(join(values.out, name), stringify(withServiceNames(tree)));
  process.stdout.write(`${Object.keys(files).length} files in ${values.out}\n`);
  return 0;
}

const standalone: AlertInput = {
  config: loadConfig({ environment: "dev", values: {}, secretKeys: [] }),
  services: ["prometheus", "alertmanager", "jaeger", "grafana", "integration-health", "db-stats"].map((name) => ({
    name,
    owner: "platform",
    hasMetrics: true,
  })),
};

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

if (import.meta.main)
  process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
    process.stderr.write(`${messageOf(error)}\n`);
    return 1;
  });
