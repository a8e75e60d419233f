// A stack of this checkout, apart from all others, and an empty program beside it: what Pulumi itself costs here.
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codeRoot } from "../../components/platforms/process/checkout.ts";
import { inFolder, type Pulumi, pulumiIn, stackApart } from "../stack/apart.ts";

export interface Beside {
  /** Pulumi on the stack, and on the empty program. Each resolves with its standard output and rejects when Pulumi fails. */
  readonly own: Pulumi;
  readonly empty: Pulumi;
}

/** Everything of both lies in `folder`. */
export async function besideEmpty(
  folder: string,
  stack: string,
  settings: Readonly<Record<string, unknown>>,
  env: NodeJS.ProcessEnv = {},
): Promise<Beside> {
  const config = Object.fromEntries(Object.entries(settings).map(([key, value]) => [`vitals:${key}`, value]));
  const { pulumi: own } = await stackApart(folder, stack, config, env);
  const project = emptyProject(folder);
  // As anybody's program runs: without what our commands do for speed.
  const plain = { ...inFolder(folder, env), NODE_OPTIONS: process.env.NODE_OPTIONS };
  await pulumiIn(project, ["stack", "init", "empty", "--no-select"], plain);
  return { own, empty: (...args) => pulumiIn(project, [...args, "--stack", "empty"], plain) };
}

/** The project's files without its program. */
function emptyProject(folder: string): string {
  const project = join(folder, "empty");
  mkdirSync(project);
  writeFileSync(
    join(project, "Pulumi.yaml"),
    readFileSync(join(codeRoot, "Pulumi.yaml"), "utf8")
      .replace("name: vitals", "name: empty")
      .replace(/^plugins:[\s\S]*/m, ""),
  );
  writeFileSync(join(project, "package.json"), '{ "type": "module" }\n');
  writeFileSync(join(project, "index.ts"), 'import "@pulumi/pulumi";\n');
  symlinkSync(join(codeRoot, "node_modules"), join(project, "node_modules"));
  return project;
}
