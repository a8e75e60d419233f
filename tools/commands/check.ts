// Checks types, lint and format of the whole project.
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");
const script = (path: string) => join(root, "node_modules", path);
const checks = [
  { name: "types", args: [script("typescript/bin/tsc"), "-p", root] },
  { name: "lint and format", args: [script("@biomejs/biome/bin/biome"), "check", root] },
] as const;

if (process.argv.includes("--help"))
  console.log("npm run check: types (tsc), lint and format (biome); both run, exit code 1 when one fails");
else {
  const failed = checks.filter(
    ({ args }) => spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" }).status !== 0,
  );
  console.log(checks.map((check) => `${check.name}: ${failed.includes(check) ? "FAILED" : "ok"}`).join(", "));
  process.exitCode = failed.length > 0 ? 1 : 0;
}
