// A service's files in a cluster: ConfigMaps and one Secret, projected together into the folders where the program looks for them.
import { createHash } from "node:crypto";
import { basename, dirname } from "node:path/posix";
import type { StackConfig } from "../../config.ts";
import { stackError } from "../../errors.ts";
import {
  contentOf,
  type Path,
  type SecretName,
  type ServiceSpec,
  secretFilesOf,
  secretsOf,
  type Tree,
} from "../../spec.ts";
import { type Content, contentFrom } from "../content.ts";
import { secretsFolder, topFolders } from "../mounts.ts";
import { type AddressBook, type Replica, resolve } from "../platform.ts";
import { labelsOf, type Planned, secretName } from "./manifest.ts";

export interface Mounted {
  readonly objects: readonly Planned[];
  readonly volumes: readonly Tree[];
  readonly mounts: readonly Tree[];
  /** Secrets that the program reads at its start. */
  readonly restartsFor: readonly SecretName[];
}

interface Placed {
  readonly path: Path;
  readonly key: string;
  readonly content: Content;
  readonly live: boolean;
}

/** The API server's limit is 1 MiB for an object as a whole; what is around the data needs some of it. */
const largestMap = 1_000_000;
/** Readable by the pod's group, which the kubelet gives these files to. */
const mode = 0o440;

export function mountFiles(spec: ServiceSpec, replica: Replica, book: AddressBook, config: StackConfig): Mounted {
  const names = Object.keys(spec.files ?? {}).map((path) => basename(path));
  const files = Object.entries(spec.files ?? {}).map(
    ([path, each]): Placed => ({
      path: path as Path,
      key: keyOf(path, names),
      content: contentFrom(each, resolve(contentOf(each), replica, book)),
      live: each.apply === "watched",
    }),
  );
  const plain = files.filter(({ content }) => "text" in content);
  const sealed = files.filter(({ content }) => "sealed" in content);
  const maps = [
    ...configMaps(
      spec,
      plain.filter(({ live }) => !live),
      config,
      "config",
    ),
    ...configMaps(
      spec,
      plain.filter(({ live }) => live),
      config,
      "live",
    ),
  ];
  const secret = secretObject(spec, sealed, config);
  const folders = topFolders(files.map(({ path }) => dirname(path)));
  const named = folders.map((folder, index) => ({ folder, name: `files-${index}` }));
  const paths = secretFilesOf(spec);
  return {
    objects: [...maps.map(({ planned }) => planned), ...(secret === undefined ? [] : [secret])],
    volumes: [
      ...named.map(({ folder, name }) => ({
        name,
        projected: {
          defaultMode: mode,
          sources: [
            ...maps.flatMap(({ planned, keys }) =>
              source("configMap", planned.manifest.metadata.name, folder, files, keys),
            ),
            ...source(
              "secret",
              secretName(spec.name),
              folder,
              sealed,
              sealed.map(({ key }) => key),
            ),
          ],
        },
      })),
      ...(paths.length === 0
        ? []
        : [
            {
              name: "secrets",
              secret: {
                secretName: secretName(spec.name),
                defaultMode: mode,
                items: paths.map((name) => ({ key: name, path: name })),
              },
            },
          ]),
    ],
    mounts: [
      ...named.map(({ folder, name }) => ({ name, mountPath: folder, readOnly: true })),
      ...(paths.length === 0 ? [] : [{ name: "secrets", mountPath: secretsFolder, readOnly: true }]),
    ],
    restartsFor: secretsOf(spec),
  };
}

const source = (
  kind: "configMap" | "secret",
  name: string,
  folder: string,
  files: readonly Placed[],
  keys: readonly string[],
): readonly Tree[] => {
  const items = files
    .filter(({ path, key }) => keys.includes(key) && path.startsWith(`${folder}/`))
    .map(({ path, key }) => ({ key, path: path.slice(folder.length + 1) }));
  return items.length === 0 ? [] : [{ [kind]: { name, items } }];
};

interface FilledMap {
  readonly planned: Planned;
  readonly keys: readonly string[];
}

/**
 * `config`: the program reads them at its start or on a signal, and nothing here can signal: a new content is a new name,
 * and the pods roll. `live`: the program sees a change itself, so the object changes in place.
 */
function configMaps(
  spec: ServiceSpec,
  files: readonly Placed[],
  config: StackConfig,
  kind: "config" | "live",
): readonly FilledMap[] {
  return chunks(spec, files).map((chunk, index) => {
    const data = Object.fromEntries(chunk.map(({ key, content }) => [key, "text" in content ? content.text : ""]));
    const stem = `${spec.name}-${kind}${index === 0 ? "" : `-${index + 1}`}`;
    const name = kind === "live" ? stem : `${stem}-${hashOf(data)}`;
    return {
      keys: Object.keys(data),
      planned: {
        part: spec.name,
        token: stem,
        manifest: {
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: { name, namespace: config.namespace, labels: labelsOf(spec.name, spec.version) },
          ...(kind === "live" ? {} : { immutable: true }),
          data,
        },
      },
    };
  });
}

/** Files in as many objects as they need. */
function chunks(spec: ServiceSpec, files: readonly Placed[]): readonly (readonly Placed[])[] {
  const found: Placed[][] = [];
  let filled = Number.POSITIVE_INFINITY;
  for (const file of files) {
    const size = "text" in file.content ? Buffer.byteLength(file.content.text) : 0;
    if (size > largestMap)
      throw stackError(
        `${spec.name} ${file.path}`,
        `has ${size} bytes, and a ConfigMap ends at 1 MiB`,
        "Divide the file, or configure less in it.",
      );
    if (filled + size > largestMap) {
      found.push([]);
      filled = 0;
    }
    found.at(-1)?.push(file);
    filled += size;
  }
  return found;
}

function secretObject(spec: ServiceSpec, sealed: readonly Placed[], config: StackConfig): Planned | undefined {
  const names = secretFilesOf(spec);
  if (names.length === 0 && sealed.length === 0) return undefined;
  return {
    part: spec.name,
    token: secretName(spec.name),
    manifest: {
      apiVersion: "v1",
      kind: "Secret",
      metadata: {
        name: secretName(spec.name),
        namespace: config.namespace,
        labels: labelsOf(spec.name, spec.version),
      },
      type: "Opaque",
    },
    secretData: Object.fromEntries([
      ...names.map((name): [string, Content] => [name, { sealed: { $: "secret", name, as: "text" }, format: "text" }]),
      ...sealed.map(({ key, content }): [string, Content] => [key, content]),
    ]),
  };
}

/** A key has no slash: it is the file's name, or the whole path where two files have one name. */
const keyOf = (path: string, names: readonly string[]): string =>
  names.filter((name) => name === basename(path)).length === 1
    ? basename(path)
    : path.slice(1).replaceAll("_", "__").replaceAll("/", "_.");

export const hashOf = (value: unknown): string =>
  createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 10);
