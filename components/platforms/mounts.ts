// What containers share on every platform: where their files lie, and what a data sheet may not ask of them.
import type { Problem } from "../errors.ts";
import type { ServiceSpec } from "../spec.ts";

/** In a container: one file a secret. */
export const secretsFolder = "/run/vitals/secrets";

/** Folders of which none lies in another: the places that files are mounted at. */
export function topFolders(folders: readonly string[]): readonly string[] {
  const all = [...new Set(folders)].toSorted();
  return all.filter((folder) => !all.some((other) => other !== folder && folder.startsWith(`${other}/`)));
}

/** What a data sheet says that no container can do. */
export const containerMisfits = (specs: readonly ServiceSpec[]): readonly Problem[] =>
  specs
    .filter(({ kind }) => kind !== "external")
    .flatMap((spec) => [
      ...Object.entries(spec.files ?? {})
        .filter(([, { seed }]) => seed === true)
        .map(([path]) => ({
          where: `${spec.name} ${path}`,
          what: "is rewritten by its program, and the files of a container are read-only",
          remedy: "Place it in a volume by the program itself.",
        })),
      ...(spec.artifact.node === undefined && spec.user === undefined
        ? [
            {
              where: spec.name,
              what: "does not say as whom its image runs",
              remedy: "Give its data sheet the user of the image; root is refused.",
            },
          ]
        : []),
    ]);
