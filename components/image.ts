// What our own image is made of, and the hash of it all that its tag bears.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";

/** Paths relative to the checkout, in a stable order: what .dockerignore lets through. */
export function imageFiles(checkout: string): readonly string[] {
  const kept = readFileSync(join(checkout, ".dockerignore"), "utf8").matchAll(/^!(.+)$/gm);
  return [...kept].flatMap(([, path = ""]) => filesBelow(checkout, path)).toSorted();
}

/** Hex, 12 digits: changes with every file of the image, with how it is built and with the image that it stands on. */
export function imageHash(checkout: string, base: string): string {
  const hash = createHash("sha256").update(base).update("\0");
  for (const path of ["Dockerfile", ...imageFiles(checkout)])
    hash
      .update(path)
      .update("\0")
      .update(
        createHash("sha256")
          .update(readFileSync(join(checkout, path)))
          .digest(),
      );
  return hash.digest("hex").slice(0, 12);
}

/** The build arguments that the Dockerfile knows. The same for the same image: a commit or a date would make each build another one. */
export function imageArguments(checkout: string, base: string, code: string): Readonly<Record<string, string>> {
  const { version, repository } = JSON.parse(readFileSync(join(checkout, "package.json"), "utf8")) as {
    readonly version: string;
    readonly repository?: string | { readonly url: string };
  };
  const source = typeof repository === "string" ? repository : repository?.url;
  return { NODE_IMAGE: base, VERSION: version, REVISION: code, ...(source === undefined ? {} : { SOURCE: source }) };
}

function filesBelow(checkout: string, path: string): readonly string[] {
  const full = join(checkout, path);
  if (!statSync(full).isDirectory()) return [path];
  return readdirSync(full, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(checkout, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .filter((file) => !file.split("/").some((part) => part.startsWith(".")));
}
