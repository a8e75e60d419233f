// A stack as Kubernetes manifests: one YAML stream, or one file a service.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { StackError } from "../../components/errors.ts";
import { losses, lossProblems } from "../../components/platforms/data-loss.ts";
import { planOn } from "../../components/platforms/index.ts";
import type { Manifest, Planned } from "../../components/platforms/kubernetes/manifest.ts";
import { planner } from "../../components/platforms/kubernetes/platform.ts";
import { publicManifest, toYaml } from "../../components/platforms/kubernetes/text.ts";
import { volumesOf } from "../../components/platforms/kubernetes/volumes.ts";
import type { Render } from "./index.ts";

const mark = "# Written by npm run render; the next run overwrites it.";

export const render: Render = (reading) => {
  const { objects } = planOn(planner, reading);
  return {
    text: toYaml(objects.map(publicManifest)),
    write: (folder, permission) => writeFiles(folder, objects, permission),
  };
};

/** A folder that holds an earlier release is brought up to date: what would lose data is refused, what is gone is removed. */
async function writeFiles(
  folder: string,
  objects: readonly Planned[],
  permission: string | undefined,
): Promise<string> {
  const manifests = objects.map(publicManifest);
  const earlier = earlierFiles(folder);
  const problems = lossProblems(losses(volumesOf(earlier.flatMap(readManifests)), volumesOf(manifests)), permission);
  if (problems.length > 0) throw new StackError(problems);
  const files = Map.groupBy(objects, ({ part, secretData }) =>
    join(folder, `${secretData === undefined ? part : "secrets"}.yaml`),
  );
  const gone = leftOver(earlier.flatMap(readManifests), manifests);
  await mkdir(folder, { recursive: true });
  for (const [path, members] of files) await writeFile(path, `${mark}\n${toYaml(members.map(publicManifest))}`);
  for (const path of earlier) if (!files.has(path)) await rm(path);
  return [`${objects.length} objects in ${files.size} files in ${folder}`, ...gone].join("\n");
}

/** What an earlier release has put on a cluster and this one has not; claims are left out, because they hold data. */
function leftOver(earlier: readonly Manifest[], now: readonly Manifest[]): readonly string[] {
  const kept = new Set(now.map(nameOf));
  const gone = earlier.filter((object) => object.kind !== "PersistentVolumeClaim" && !kept.has(nameOf(object)));
  return gone.length === 0
    ? []
    : [
        "  -> Objects of the release before that this one has not. Argo CD and Flux prune them; with kubectl, once this one is applied:",
        ...gone.map((object) => `     kubectl delete ${nameOf(object)}`),
      ];
}

const nameOf = ({ kind, metadata: { name, namespace } }: Manifest): string =>
  `${kind.toLowerCase()}/${name}${namespace === undefined ? "" : ` --namespace ${namespace}`}`;

/** The files in a folder that this command has written. */
function earlierFiles(folder: string): readonly string[] {
  return (existsSync(folder) ? readdirSync(folder) : [])
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => join(folder, name))
    .filter((path) => readFileSync(path, "utf8").startsWith(mark));
}

function readManifests(path: string): readonly Manifest[] {
  return parseAllDocuments(readFileSync(path, "utf8")).map((document) => document.toJS() as Manifest);
}
