// Runs a command of tools/commands with the project's own Node, after installing what is missing. Plain JavaScript for any Node >= 20.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(fileURLToPath(import.meta.url));
const commands = join(root, "tools", "commands");
const oldest = 20;
const wanted = 24;

const say = (text) => process.stderr.write(`${text}\n`);
const fail = (what, remedy) => {
  say(`${what}\n  -> ${remedy}`);
  process.exit(1);
};
const major = (version) => Number(version.split(".")[0]);

async function main([name, ...args]) {
  if (major(process.versions.node) < oldest)
    fail(
      `Node ${process.versions.node} is too old, ${oldest} or newer is needed`,
      "install a current Node from https://nodejs.org",
    );
  const known = readdirSync(commands)
    .filter((file) => file.endsWith(".ts"))
    .map((file) => file.slice(0, -3))
    .sort();
  if (name === undefined || !known.includes(name)) {
    const asked = name === undefined || name === "--help" || name === "-h";
    if (!asked) say(`There is no command "${name}".\n`);
    list(known);
    process.exit(asked ? 0 : 2);
  }
  // Loaded late, so that an old Node gets as far as its own message.
  const { installDependencies } = await import("./tools/dependencies.mjs");
  await installDependencies(root, say);
  const node = findNode();
  const env = {
    ...process.env,
    // Programs that we start with "node" shall get the same one.
    PATH: [dirname(node), process.env.PATH].filter(Boolean).join(delimiter),
    // A folder of the user's own: compiled code that somebody else could write to would be run.
    NODE_COMPILE_CACHE:
      process.env.NODE_COMPILE_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "vitals", "node"),
  };
  hand(spawn(node, [join(commands, `${name}.ts`), ...args], { stdio: "inherit", env }), node);
}

function list(known) {
  say("Commands (npm run NAME -- ARGUMENTS, most know --help):");
  const width = Math.max(...known.map((name) => name.length));
  for (const name of known) {
    const [first] = readFileSync(join(commands, `${name}.ts`), "utf8").split("\n", 1);
    say(`  ${name.padEnd(width)}  ${first.replace(/^\/\/\s*/, "")}`);
  }
}

/** Node 24 from npm's packages, or the running one when it is new enough. */
function findNode() {
  const key = `${process.platform}-${process.arch}`;
  for (const name of [`node-${key}`, `node-bin-${key}`]) {
    const path = join(root, "node_modules", name, "bin", "node");
    if (existsSync(path) && starts(path)) return path;
  }
  if (major(process.versions.node) >= wanted) return process.execPath;
  return fail(
    `Node ${wanted} is needed, this is ${process.versions.node}, and npm has no Node ${wanted} that runs on ${key} here`,
    `install Node ${wanted} from https://nodejs.org, or use Linux (glibc) or macOS on x64 or arm64`,
  );
}

const starts = (path) => spawnSync(path, ["--version"], { stdio: "ignore" }).status === 0;

/** Ends as the command ends, and passes on the signals that only we get. */
function hand(child, node) {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  const handlers = signals.map((signal) => {
    // A terminal sends Ctrl-C to both of us; a second one would tell the command to give up at once.
    const handler = () => (signal === "SIGINT" && process.stdin.isTTY ? undefined : child.kill(signal));
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  child.once("error", (error) =>
    fail(`${node} cannot be started: ${error.message}`, "remove node_modules and try again"),
  );
  child.once("close", (code, signal) => {
    for (const off of handlers) off();
    if (signal === null) process.exit(code);
    process.kill(process.pid, signal);
  });
}

main(process.argv.slice(2)).catch((error) => {
  say(`${error.message}`);
  process.exit(1);
});
