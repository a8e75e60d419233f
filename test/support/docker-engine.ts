// A real Docker engine for a test: its own dockerd with its own folders, which touches no other engine and leaves nothing. Root on Linux only.
import { execFileSync, spawnSync } from "node:child_process";
import { accessSync, constants, readFileSync, rmSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { run } from "../../tools/exec.ts";
import { startChild } from "./children.ts";
import { until } from "./ports.ts";
import { commandLine, endProcesses, processesOf } from "./processes.ts";

export interface Engine {
  /** What makes any Docker client talk to this engine, with BuildKit as the builder and a configuration of its own. */
  readonly env: NodeJS.ProcessEnv;
  /** Standard output, trimmed; a failure says what the client said. */
  readonly docker: (...args: readonly string[]) => Promise<string>;
  /** Its temporary files. */
  readonly folder: string;
  /** Removes every container, network, process, mount and file of it; may be called twice. */
  readonly stop: () => Promise<void>;
}

const onPath = (name: string): readonly string[] =>
  (process.env.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .filter((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });

/** A client that can build with BuildKit: by its plugin, or one from before 23 that has it built in. */
function client(): string | undefined {
  return onPath("docker").find((path) => {
    if (spawnSync(path, ["buildx", "version"], { stdio: "ignore" }).status === 0) return true;
    const { stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
    return Number(/version (\d+)\./.exec(stdout)?.[1] ?? 99) < 23;
  });
}

/** Why a test that needs an engine cannot run here, as far as can be seen without starting one; undefined when it can. */
export function engineMissing(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "skipped: a Docker engine needs root on Linux";
  if (onPath("dockerd").length === 0) return "skipped: dockerd is not there (Debian: apt-get install docker.io)";
  return client() === undefined ? "skipped: no docker client that can build with BuildKit is there" : undefined;
}

/** A Compose client: Debian's program, or the plugin of Docker's own client. */
const composeClient = (): readonly string[] | undefined => {
  const [program] = onPath("docker-compose");
  if (program !== undefined) return [program];
  return spawnSync("docker", ["compose", "version"], { stdio: "ignore" }).status === 0
    ? ["docker", "compose"]
    : undefined;
};

/** Why a test that needs an engine and Compose cannot run here; undefined when it can. */
export const composeMissing = (): string | undefined =>
  engineMissing() ??
  (composeClient() === undefined
    ? "skipped: docker-compose is not there (Debian: apt-get install docker-compose)"
    : undefined);

/** Runs Compose on this engine, in the folder of a Compose file; resolves with what it said, a failure too. */
export async function compose(engine: Engine, folder: string, ...args: readonly string[]): Promise<string> {
  const [program = "", ...words] = composeClient() ?? [];
  const all = [...words, "--project-directory", folder, ...args];
  const { code, stdout, stderr } = await run(program, all, { env: engine.env, timeoutMs: 180_000 });
  if (code !== 0) throw new Error(`compose ${args.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
  return `${stdout}${stderr}`;
}

/** An engine that answers, or why this machine lets none run (a container without privileges, say). */
export async function startEngine(): Promise<Engine | string> {
  const missing = engineMissing();
  const [docker, daemon] = [client(), onPath("dockerd")[0]];
  if (missing !== undefined || docker === undefined || daemon === undefined) return missing ?? "skipped";
  const folder = await mkdtemp(join(tmpdir(), "vitals-engine-"));
  const addresses = `10.${200 + (process.pid % 50)}.0.0/16`;
  const leaveNothing = () => {
    removeTraces(folder);
    forwarding("--delete", addresses);
  };
  process.once("exit", leaveNothing);
  await writeFile(join(folder, "daemon.json"), "{}");
  const socket = `unix://${join(folder, "docker.sock")}`;
  // No default bridge, and the firewall is left alone but for one rule: neither may be shared with another engine of this machine.
  forwarding("--insert", addresses);
  const child = startChild(daemon, [
    ...["--config-file", join(folder, "daemon.json"), "--data-root", join(folder, "data")],
    ...["--exec-root", join(folder, "exec"), "--pidfile", join(folder, "pid"), "--host", socket],
    ...["--bridge", "none", "--iptables=false", "--ip6tables=false", "--log-level", "warn"],
    // Which otherwise is the address of the default bridge.
    ...["--host-gateway-ip", "127.0.0.1"],
    ...["--default-address-pool", `base=${addresses},size=24`],
  ]);
  const env = {
    ...process.env,
    PATH: [join(docker, ".."), process.env.PATH].join(delimiter),
    DOCKER_HOST: socket,
    DOCKER_CONFIG: join(folder, "client"),
    DOCKER_BUILDKIT: "1",
  };
  const call: Engine["docker"] = async (...args) => {
    const { code, stdout, stderr } = await run(docker, args, { env, timeoutMs: 300_000 });
    if (code !== 0) throw new Error(`docker ${args.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
    return stdout.trim();
  };
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      if (child.alive()) {
        const containers = (await call("ps", "-aq")).split("\n").filter((id) => id !== "");
        if (containers.length > 0) await call("rm", "--force", "--volumes", ...containers);
        await call("network", "prune", "--force");
      }
      await child.end();
    })().finally(() => {
      leaveNothing();
      process.off("exit", leaveNothing);
    });
    return stopped;
  };
  const answers = () =>
    call("version").then(
      () => true,
      () => false,
    );
  try {
    await until(async () => !child.alive() || (await answers()), 30_000);
    if (child.alive()) return { env, docker: call, folder, stop };
  } catch (error) {
    await stop();
    throw new Error(`dockerd does not answer:\n${child.output()}`, { cause: error });
  }
  await stop();
  return `skipped: dockerd does not run here: ${child.output().trim().split("\n").at(-1)}`;
}

/** Where another engine has closed the machine's forwarding, the containers of this one reach each other all the same. */
const forwarding = (action: "--insert" | "--delete", addresses: string): void => {
  const rule = ["--source", addresses, "--destination", addresses, "--jump", "ACCEPT"];
  spawnSync("iptables", ["--wait", action, "FORWARD", ...rule], { stdio: "ignore" });
};

/** Also the last resort when a run is cut off: at once, and without asking the engine. */
function removeTraces(folder: string): void {
  // A container's own processes do not name the folder; their parents do, and take them along.
  const shims = processesOf([folder]);
  const inside = shims.filter((pid) => commandLine(pid).includes("containerd-shim")).flatMap(childrenOf);
  endProcesses([...shims, ...inside]);
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .flatMap((line) => line.split(" ")[1] ?? [])
    .filter((path) => path.startsWith(`${folder}/`));
  for (const path of mounts.toReversed())
    try {
      execFileSync("umount", ["--lazy", path], { stdio: "ignore" });
    } catch {
      // It went with the one that it lay on.
    }
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

const childrenOf = (pid: number): readonly number[] => {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
};
