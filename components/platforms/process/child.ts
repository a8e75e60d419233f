// Starts and stops one process in a session of its own, with append-only logs and a clean environment.
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import type { Layout } from "./layout.ts";
import type { Order } from "./records.ts";
import { endSession, type Identity, identify, isAlive, signal } from "./table.ts";

/** Variables that a child may inherit; everything else, a passphrase above all, stays behind. */
const inherited = ["PATH", "LANG", "LC_ALL", "TZ", "TMPDIR"] as const;

export interface Started {
  readonly identity: Identity;
  /** Resolves once with how it ended. */
  readonly ended: Promise<string>;
}

/** Throws when the program cannot be executed at all. */
export function startProcess(paths: Layout, order: Order): Promise<Started> {
  const { plan } = order;
  const log = paths.log(plan.instance);
  mkdirSync(dirname(log), { recursive: true, mode: 0o700 });
  const fd = openSync(log, "a", 0o600);
  const environment = Object.fromEntries(
    // The compile cache is for what runs as ourselves: whoever can write to it decides what is run.
    [...inherited, ...("node" in plan.run ? ["NODE_COMPILE_CACHE"] : [])].flatMap((name) =>
      process.env[name] === undefined ? [] : [[name, process.env[name]]],
    ),
  );
  const child = spawn(order.command, order.commandArgs, {
    cwd: paths.root,
    detached: true,
    stdio: ["ignore", fd, fd],
    env: { ...environment, HOME: paths.root, ...plan.env },
    ...(order.uid === undefined ? {} : { uid: order.uid }),
    ...(order.gid === undefined ? {} : { gid: order.gid }),
  });
  closeSync(fd);
  child.unref();
  const ended = new Promise<string>((done) => {
    child.once("exit", (code, by) => done(by === null ? `ended with code ${code}` : `was ended by ${by}`));
  });
  return new Promise((started, failed) => {
    child.once("error", (error) => failed(new Error(`${order.command} cannot be started: ${error.message}`)));
    child.once("spawn", () => {
      const pid = child.pid ?? 0;
      // It may already have ended; its identity is then only a name for what is gone.
      started({ identity: identify(pid) ?? { pid, start: "", boot: "" }, ended });
    });
  });
}

/** Asks politely, waits the grace period, then ends the whole session. Resolves when it is gone. */
export async function stopProcess(
  identity: Identity,
  stop: { readonly signal: NodeJS.Signals; readonly graceSeconds: number },
): Promise<void> {
  signal(identity, stop.signal);
  const limit = Date.now() + stop.graceSeconds * 1_000;
  while (isAlive(identity)) {
    if (Date.now() > limit) signal(identity, "SIGKILL", true);
    if (Date.now() > limit + 10_000) throw new Error(`process ${identity.pid} cannot be ended`);
    await new Promise((wait) => setTimeout(wait, 20));
  }
  endSession(identity);
}
