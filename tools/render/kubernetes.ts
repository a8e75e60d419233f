// A stack as Kubernetes manifests: one YAML stream, or one file a service.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { parseAllDocuments } from "yaml";
import { type Problem, StackError } from "../../components/errors.ts";
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

/**
 * A folder that holds an earlier release is brought up to date: what would lose data is refused, what is gone is removed. Files that
 * somebody else has written are left alone; one is expected, with objects of a secret store in the place of ours.
 */
async function writeFiles(
  folder: string,
  objects: readonly Planned[],
  permission: string | undefined,
): Promise<string> {
  const manifests = objects.map(publicManifest);
  const earlier = earlierFiles(folder);
  const files = Map.groupBy(objects, ({ part, secretData }) =>
    join(folder, `${secretData === undefined ? part : "secrets"}.yaml`),
  );
  const others = [...files.keys()].filter((path) => existsSync(path) && !earlier.includes(path));
  const problems = [
    ...others.flatMap((path) => (basename(path) === "secrets.yaml" ? [] : [inTheWay(path)])),
    ...lossProblems(losses(volumesOf(earlier.flatMap(readManifests)), volumesOf(manifests)), permission),
  ];
  if (problems.length > 0) throw new StackError(problems);
  const gone = leftOver(earlier.flatMap(readManifests), manifests);
  await mkdir(folder, { recursive: true });
  const own = [...files].filter(([path]) => !others.includes(path));
  for (const [path, members] of own) await writeFile(path, `${mark}\n${toYaml(members.map(publicManifest))}`);
  for (const path of earlier) if (!files.has(path)) await rm(path);
  const written = own.reduce((sum, [, { length }]) => sum + length, 0);
  return [
    `${written} objects in ${own.length} files in ${folder}`,
    ...others.flatMap((path) => [
      `  -> ${path} is yours and stays. It has to make these secrets, with these keys:`,
      ...asked(files.get(path)),
    ]),
    ...gone,
  ].join("\n");
}

const inTheWay = (path: string): Problem => ({
  where: path,
  what: "was not written by this command, which would overwrite it",
  remedy: "Move it away, or name another folder with --out.",
});

const asked = (secrets: readonly Planned[] = []): readonly string[] =>
  secrets.map(
    ({ manifest, secretData = {} }) => `     ${manifest.metadata.name}: ${Object.keys(secretData).join(", ")}`,
  );

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
