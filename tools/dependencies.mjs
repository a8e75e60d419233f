// Keeps node_modules in step with package-lock.json. Plain JavaScript: run.mjs needs it on any Node, before anything is installed.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lock } from "./lock.mjs";

/** `npm ci` when node_modules is not what package-lock.json says. */
export async function installDependencies(root, say) {
  const lockText = readFileSync(join(root, "package-lock.json"));
  const hash = createHash("sha256").update(lockText).update(`${process.platform}-${process.arch}`).digest("hex");
  const mark = join(root, "node_modules", ".vitals-lock-hash");
  const isMarked = () => existsSync(mark) && readFileSync(mark, "utf8").trim() === hash;
  if (isMarked()) return;

  // Not below node_modules, which npm ci removes.
  mkdirSync(join(root, ".vitals"), { recursive: true, mode: 0o700 });
  const held = await lock(join(root, ".vitals", "npm-ci.lock"), {
    onWait: (pid) => say(`Dependencies are being installed by process ${pid}; waiting.`),
  });
  try {
    if (isMarked()) return;
    if (!isInstalled(root)) await npmCi(root, say);
    writeFileSync(mark, `${hash}\n`);
  } finally {
    held.release();
  }
}

/** Whether exactly this is installed already, by whomever: npm keeps a list of what it put into node_modules. */
export function isInstalled(root) {
  const list = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(list)) return false;
  const wanted = readPackages(join(root, "package-lock.json"));
  let there;
  try {
    there = readPackages(list);
  } catch {
    // Cut off in the middle of an installation.
    return false;
  }
  return Object.entries(wanted).every(([path, wish]) => {
    if (path === "") return true;
    const found = there[path];
    if (found === undefined) return wish.optional === true && !isMadeForHere(wish);
    return found.version === wish.version && found.link === wish.link && existsSync(join(root, path));
  });
}

const readPackages = (file) => JSON.parse(readFileSync(file, "utf8")).packages;

/** An optional package that names this machine must be there; one that names another, or none (parts of such), need not. */
const isMadeForHere = ({ os, cpu, libc }) =>
  os !== undefined &&
  cpu !== undefined &&
  [os].flat().includes(process.platform) &&
  [cpu].flat().includes(process.arch) &&
  ![libc].flat().includes("musl");

async function npmCi(root, say) {
  const started = Date.now();
  say("Installing dependencies (npm ci) …");
  // Under "npm run", npm names itself; called directly, the one on PATH serves.
  const byNpm = process.env.npm_execpath;
  const isScript = byNpm !== undefined && /npm-cli\.[cm]?js$/.test(byNpm);
  const [command, before] = isScript ? [process.execPath, [byNpm]] : ["npm", []];
  const ticker = setInterval(
    () => say(`  … still installing (${Math.round((Date.now() - started) / 1000)} s)`),
    15_000,
  );
  const code = await new Promise((resolve) => {
    // Its output is progress, and standard output belongs to the command.
    const child = spawn(command, [...before, "ci", "--include=dev", "--no-audit", "--no-fund"], {
      cwd: root,
      stdio: ["ignore", 2, 2],
    });
    child.once("error", (error) => {
      say(`npm cannot be started: ${error.message}`);
      resolve(1);
    });
    child.once("close", resolve);
    // Otherwise npm would go on alone, while the lock counts as left behind.
    for (const signal of ["SIGTERM", "SIGHUP"]) process.once(signal, () => child.kill(signal));
  });
  clearInterval(ticker);
  if (code !== 0) throw new Error("npm ci failed (its message is above)");
  say(`Dependencies installed (${Math.round((Date.now() - started) / 1000)} s).`);
}
