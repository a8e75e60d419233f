// The machine's process table: who a pid really is, what it uses, who holds a port. Linux reads /proc; macOS asks ps and lsof.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** A pid alone may be somebody else by now; with the start time and the boot it is one process for ever. */
export interface Identity {
  readonly pid: number;
  readonly start: string;
  readonly boot: string;
}

export interface Usage {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

const linux = process.platform === "linux";
/** USER_HZ, 100 on every Linux that Node runs on (man 5 proc, sysconf(_SC_CLK_TCK)). */
const ticksPerSecond = 100;

let boot: string | undefined;

/** Changes at every start of the machine. */
export function bootId(): string {
  boot ??= linux
    ? readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()
    : execFileSync("/usr/sbin/sysctl", ["-n", "kern.boottime"], { encoding: "utf8", timeout: 5_000 }).trim();
  return boot;
}

/** The fields of /proc/PID/stat after the command name, which may itself hold blanks and brackets. */
function statFields(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

function ps(pid: number, format: string): string | undefined {
  try {
    return (
      execFileSync("/bin/ps", ["-o", format, "-p", String(pid)], {
        encoding: "utf8",
        timeout: 5_000,
        stdio: ["ignore", "pipe", "ignore"],
      }).trim() || undefined
    );
  } catch {
    return undefined;
  }
}

/** Who has this pid now; undefined when nobody does or when it is a zombie. */
export function identify(pid: number): Identity | undefined {
  if (linux) {
    const fields = statFields(pid);
    if (fields === undefined || fields[0] === "X") return undefined;
    // A zombie with threads left has not let go of its ports yet.
    if (fields[0] === "Z" && Number(fields[17]) <= 1) return undefined;
    return { pid, start: fields[19] ?? "", boot: bootId() };
  }
  const [state, ...start] = (ps(pid, "state=,lstart=") ?? "Z").split(/\s+/);
  return state?.startsWith("Z") ? undefined : { pid, start: start.join(" "), boot: bootId() };
}

/** Whether that very process still runs. */
export function isAlive(identity: Identity): boolean {
  if (identity.boot !== bootId()) return false;
  return identify(identity.pid)?.start === identity.start;
}

/** Sends a signal to a process, or to its whole session, after a last look at who it is. False when it is gone. */
export function signal(identity: Identity, name: NodeJS.Signals, wholeGroup = false): boolean {
  if (!isAlive(identity)) return false;
  try {
    process.kill(wholeGroup ? -identity.pid : identity.pid, name);
    return true;
  } catch {
    return false;
  }
}

/** Ends what a process that is gone has left in its session. Not when its pid is somebody else's by now: the session would be too. */
export function endSession({ pid, boot }: Identity): void {
  if (boot !== bootId() || identify(pid) !== undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nothing was left.
  }
}

export function usage(pid: number): Usage | undefined {
  if (linux) {
    const fields = statFields(pid);
    if (fields === undefined) return undefined;
    return {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
      residentBytes: Number(fields[21]) * 4_096,
    };
  }
  const [rss, time] = (ps(pid, "rss=,time=") ?? "").split(/\s+/);
  if (rss === undefined || time === undefined) return undefined;
  const cpuSeconds = time.split(/[:-]/).reduce((sum, part) => sum * 60 + Number(part), 0);
  return { cpuSeconds, residentBytes: Number(rss) * 1_024 };
}

/** All processes below this one, itself included, so that a server with workers is counted whole. Linux only; elsewhere itself alone. */
export function family(pids: readonly number[]): ReadonlyMap<number, readonly number[]> {
  if (!linux) return new Map(pids.map((pid) => [pid, [pid]]));
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const parent = Number(statFields(pid)?.[1]);
    if (!Number.isNaN(parent)) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const below = (pid: number): number[] => [pid, ...(children.get(pid) ?? []).flatMap(below)];
  return new Map(pids.map((pid) => [pid, below(pid)]));
}

export interface PortHolder {
  readonly pid?: number;
  /** For people: "redis-server (pid 812) of stack dev in /srv/other". */
  readonly text: string;
}

/** Who listens on a TCP port, as far as this user may know. */
export function portHolder(port: number): PortHolder | undefined {
  if (!linux) {
    try {
      const lines = execFileSync("/usr/sbin/lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fpc"], {
        encoding: "utf8",
        timeout: 5_000,
      });
      const pid = Number(/^p(.*)$/m.exec(lines)?.[1]);
      return { pid, text: `${/^c(.*)$/m.exec(lines)?.[1]} (pid ${pid})` };
    } catch {
      return undefined;
    }
  }
  const inodes = new Set(["/proc/net/tcp", "/proc/net/tcp6"].flatMap((path) => listeningInodes(path, port)));
  if (inodes.size === 0) return undefined;
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name) || !holdsSocket(name, inodes)) continue;
    const program = programName(name);
    return { pid: Number(name), text: `${program} (pid ${name})${whereabouts(name)}` };
  }
  return { text: "a process of another user" };
}

/** Its name in the process table; Node gives its main thread another one there, so for Node it is that of the file. */
function programName(pid: string): string {
  try {
    const name = readFileSync(`/proc/${pid}/comm`, "utf8").trim();
    return name === "MainThread" ? basename(tryReadlink(`/proc/${pid}/exe`)) : name;
  } catch {
    return "a program";
  }
}

/** Whether a process is one of these or was started by one. */
export function isBelow(pid: number, ancestors: ReadonlySet<number>): boolean {
  for (let at = pid; at > 1; at = linux ? Number(statFields(at)?.[1] ?? 0) : Number(ps(at, "ppid=") ?? 0))
    if (ancestors.has(at)) return true;
  return false;
}

function listeningInodes(path: string, port: number): readonly string[] {
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
  try {
    return readFileSync(path, "utf8")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[1]?.endsWith(`:${hexPort}`) && fields[3] === "0A")
      .map((fields) => fields[9] ?? "");
  } catch {
    return [];
  }
}

function holdsSocket(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(tryReadlink(`/proc/${pid}/fd/${fd}`))?.[1];
      return inode !== undefined && inodes.has(inode);
    });
  } catch {
    return false;
  }
}

const tryReadlink = (path: string): string => {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
};

/** A process of a stack works in its state folder or below, where the supervisor's record names stack and checkout. */
function whereabouts(pid: string): string {
  const cwd = tryReadlink(`/proc/${pid}/cwd`);
  for (let at = cwd; at.length > 1; at = dirname(at)) {
    try {
      const { stack, checkout } = JSON.parse(readFileSync(join(at, "supervisor.json"), "utf8"));
      return ` of stack ${stack} in ${checkout}`;
    } catch {
      // Not here; one level up.
    }
  }
  return cwd === "" ? "" : ` in ${cwd}`;
}
