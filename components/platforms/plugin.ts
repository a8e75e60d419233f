// Whether Pulumi has the plugin of a platform, and what a person does where it has not, on a closed network too.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { versions } from "../versions.ts";
import type { ImageBuild } from "./images.ts";

export interface Plugin {
  readonly name: "kubernetes" | "docker" | "docker-build";
  readonly version: string;
  /** How to do without it: a sentence that begins with "Without". */
  readonly without: string;
}

const require = createRequire(import.meta.url);
const sdkVersion = (name: string): string =>
  (require(`@pulumi/${name}/package.json`) as { readonly version: string }).version;
const render = "Without Pulumi at all: npm run render -- --stack STACK --out DIR";

export const kubernetesPlugin = (): Plugin => ({
  name: "kubernetes",
  version: sdkVersion("kubernetes"),
  without: `${render}, for kubectl, Argo CD or Flux.`,
});

export const dockerPlugin = (): Plugin => ({
  name: "docker",
  version: sdkVersion("docker"),
  without: `${render}, then docker compose up in DIR.`,
});

/** None where somebody else builds our own image. */
export const buildPlugins = (build: ImageBuild | undefined): readonly Plugin[] =>
  build === undefined
    ? []
    : [
        {
          name: "docker-build",
          version: versions["docker-build"].version,
          without: `Without it: vitals:buildImage false, and an image that is ${
            build.to === "registry"
              ? "pushed by other means (npm run image -- --registry REGISTRY --push)"
              : "there already (npm run image)"
          }.`,
        },
      ];

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
    `  -> ${without}`,
  ].join("\n");
}
