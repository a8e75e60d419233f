// images.lock.json: the digest of every image that the stack pulls, so that a tag that moves changes nothing.
import { readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codeRoot } from "../components/platforms/process/checkout.ts";
import { versions } from "../components/versions.ts";
import { resolveAll } from "./registry.ts";
import { settingsFile, settingsIn } from "./stack/settings.ts";

/** The publishers' images, and those that any stack's settings name without a digest. */
export function imagesToPin(): readonly string[] {
  const published = Object.values(versions).flatMap((each) => ("image" in each ? [each.image] : []));
  const stacks = readdirSync(codeRoot).flatMap((name) => /^Pulumi\.(.+)\.yaml$/.exec(name)?.[1] ?? []);
  const configured = stacks.flatMap((stack) => {
    const images = settingsIn(settingsFile(stack))["vitals:images"];
    return typeof images === "object" && images !== null ? Object.values(images) : [];
  });
  const named = configured.filter((image) => typeof image === "string" && !image.includes("@")) as string[];
  return [...new Set([...published, ...named])].toSorted();
}

/** Resolves all and then writes the file at once. Throws a StackError with every problem; the file is then as it was. */
export async function pinImages(
  references: readonly string[],
  say: (line: string) => void,
  signal?: AbortSignal,
  file: string = join(codeRoot, "images.lock.json"),
): Promise<void> {
  const digests = await resolveAll(references, say, signal);
  const staged = `${file}.${process.pid}`;
  try {
    writeFileSync(staged, `${JSON.stringify(digests, null, 2)}\n`);
    renameSync(staged, file);
  } finally {
    rmSync(staged, { force: true });
  }
  say(`${references.length} digests in ${file}`);
}
