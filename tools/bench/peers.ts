// Libraries of others that a benchmark measures beside ours: installed from a committed lockfile into the tool cache, never into the product.
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { stackError } from "../../components/errors.ts";
import { toolsDir } from "../cache.ts";
import { lastLines, run } from "../exec.ts";

const modules = join(import.meta.dirname, "../npm");

/** The folder that holds them; installs what is missing. */
export async function installPeers(module: string, say: (line: string) => void): Promise<string> {
  const from = join(modules, module);
  const content = createHash("sha256")
    .update(readFileSync(join(from, "package-lock.json")))
    .digest("hex")
    .slice(0, 12);
  const folder = join(toolsDir(), `${module}-${content}`);
  if (existsSync(folder)) return folder;
  say(`  installing ${module}`);
  const draft = `${folder}.${process.pid}`;
  mkdirSync(toolsDir(), { recursive: true });
  cpSync(from, draft, { recursive: true });
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
  const { code, stderr } = await run("npm", args, { cwd: draft, timeoutMs: 300_000 });
  if (code !== 0) {
    rmSync(draft, { recursive: true, force: true });
    throw stackError(module, `npm ci failed: ${lastLines(stderr, 1)}`, "Check that npm reaches its registry.");
  }
  renameSync(draft, folder);
  return folder;
}
