// How Node is told to run an entry of our own.
import type { Artifact } from "../spec.ts";
import { bytes } from "../units.ts";

/** Options of Node itself, in front of the entry; none where the data sheet leaves them to the platform. */
export function nodeOptions({ semiSpace }: Pick<Artifact, "semiSpace">): readonly string[] {
  if (semiSpace === undefined) return [];
  const mebibytes = bytes(semiSpace) / 2 ** 20;
  return ["min", "max"].map((end) => `--${end}-semi-space-size=${mebibytes}`);
}

/** What stands before the program's own arguments where the image starts Node; nothing where it is not Node that is started. */
export const nodeCommand = (artifact: Artifact): readonly string[] =>
  artifact.node === undefined ? [] : [...nodeOptions(artifact), artifact.node];
