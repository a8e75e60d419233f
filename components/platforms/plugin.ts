// Whether Pulumi has the plugin of a platform, and what a person does where it has not, on a closed network too.
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

export interface Plugin {
  readonly name: "kubernetes" | "docker" | "docker-build";
  readonly version: string;
  /** How to do without Pulumi there: the end of a sentence that begins with `npm run render`. */
  readonly without: string;
}

/** One text for the person, or undefined when the plugin is there. */
export function pluginMissing(
  { name, version, without }: Plugin,
  env: NodeJS.ProcessEnv = process.env,
): string | undefined {
  const home = env.PULUMI_HOME ?? join(homedir(), ".pulumi");
  const names = [`pulumi-resource-${name}`, `pulumi-resource-${name}.exe`];
  const folders = [
    join(home, "plugins", `resource-${name}-v${version}`),
    ...(env.PATH ?? "").split(delimiter).filter((folder) => folder !== ""),
  ];
  if (folders.some((folder) => names.some((file) => existsSync(join(folder, file))))) return undefined;
  const archive = `pulumi-resource-${name}-v${version}-OS-ARCH.tar.gz`;
  return [
    `Pulumi's ${name} plugin ${version} is not on this machine.`,
    `  -> With internet access: pulumi plugin install resource ${name} ${version}`,
    `  -> On a closed network: fetch ${archive} elsewhere (its publisher's releases of pulumi-${name}), then`,
    `     pulumi plugin install resource ${name} ${version} --file ${archive}`,
    `  -> Without Pulumi at all: npm run render -- --stack STACK --out DIR, ${without}.`,
  ].join("\n");
}
