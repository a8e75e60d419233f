// Checks types, lint and format of the whole project.
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { command } from "../stack/command.ts";

const help = `npm run check      types (tsc), lint and format (biome)
Both run. Exit code 1 when one of them fails.`;

const root = resolve(import.meta.dirname, "../..");
const script = (path: string) => join(root, "node_modules", path);
const kept = script(".cache/types.tsbuildinfo");
const checks = [
  // What it found is kept: the next time it looks at what has changed since, and what depends on that.
  { name: "types", args: [script("typescript/bin/tsc"), "-p", root, "--incremental", "--tsBuildInfoFile", kept] },
  { name: "lint and format", args: [script("@biomejs/biome/bin/biome"), "check", root] },
] as const;

await command(help, {}, async () => {
  const failed = checks.filter(
    ({ args }) => spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" }).status !== 0,
  );
  console.log(checks.map((check) => `${check.name}: ${failed.includes(check) ? "FAILED" : "ok"}`).join(", "));
  return failed.length > 0 ? 1 : 0;
});
