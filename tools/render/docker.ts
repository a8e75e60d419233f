// A stack as a Compose file, with the folder of files that its containers read.
import { existsSync, readdirSync } from "node:fs";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { composeFiles } from "../../components/platforms/docker/compose.ts";
import { planner } from "../../components/platforms/docker/platform.ts";
import { type Sealed, sealedFile } from "../../components/platforms/docker/prepare.ts";
import { planOn } from "../../components/platforms/index.ts";
import type { Render } from "./index.ts";

export const render: Render = (reading) => {
  const plan = planOn(planner, reading);
  const files = composeFiles(plan, reading.config.secrets);
  return { text: files["compose.yaml"] ?? "", write: (folder) => writeFolder(folder, files, plan.ownImage) };
};

/** Brings a folder up to date. What the containers fill in there by themselves stays: their secrets, and the files that hold some. */
async function writeFolder(folder: string, files: Readonly<Record<string, string>>, ownImage: string): Promise<string> {
  const { given, files: sealed } = JSON.parse(files[sealedFile] ?? "") as Sealed;
  const wanted = new Set([...Object.keys(files), ...sealed.map(({ path }) => path)]);
  for (const path of below(join(folder, "files"))) if (!wanted.has(relative(folder, path))) await rm(path);
  const secrets = join(folder, "secrets");
  await mkdir(secrets, { recursive: true });
  await chmod(secrets, 0o700);
  // Containers run as other users than the person, and read these.
  for (const path of wanted) await mkdir(dirname(join(folder, path)), { recursive: true, mode: 0o755 });
  for (const [path, text] of Object.entries(files)) await writeFile(join(folder, path), text, { mode: 0o644 });
  const missing = given.filter((name) => !existsSync(join(secrets, name)));
  return [
    `${Object.keys(files).length} files in ${folder}`,
    ...missing.map((name) => `  -> Write the secret ${name} into ${join(secrets, name)}, mode 0600.`),
    `  -> Build ${ownImage} on this machine: npm run image`,
    `  -> docker compose --project-directory ${folder} up --detach --wait`,
  ].join("\n");
}

const below = (folder: string): readonly string[] =>
  existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true, recursive: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
    : [];
