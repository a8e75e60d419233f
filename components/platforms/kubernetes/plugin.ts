// Whether Pulumi has its Kubernetes plugin, and what a person does where it has not, on a closed network too.
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

/** One text for the person, or undefined when the plugin is there. */
export function pluginMissing(version: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const home = env.PULUMI_HOME ?? join(homedir(), ".pulumi");
  const names = ["pulumi-resource-kubernetes", "pulumi-resource-kubernetes.exe"];
  const folders = [
    join(home, "plugins", `resource-kubernetes-v${version}`),
    ...(env.PATH ?? "").split(delimiter).filter((folder) => folder !== ""),
  ];
  if (folders.some((folder) => names.some((name) => existsSync(join(folder, name))))) return undefined;
  const archive = `pulumi-resource-kubernetes-v${version}-OS-ARCH.tar.gz`;
  return [
    `Pulumi's Kubernetes plugin ${version} is not on this machine.`,
    `  -> With internet access: pulumi plugin install resource kubernetes ${version}`,
    `  -> On a closed network: fetch ${archive} elsewhere (its publisher's releases of pulumi-kubernetes), then`,
    `     pulumi plugin install resource kubernetes ${version} --file ${archive}`,
    "  -> Without Pulumi in the cluster's way at all: npm run render -- --stack STACK --out DIR, for kubectl, Argo CD or Flux.",
  ].join("\n");
}
