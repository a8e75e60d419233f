// The process table as tests see it: which processes work for a folder, what they listen on, what they were started with. Linux only.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface Listener {
  readonly address: string;
  readonly port: number;
}

const read = (path: string): string => {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
};

const link = (path: string): string => {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
};

export const allPids = (): readonly number[] =>
  readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));

/** Fields of /proc/PID/stat from the state on: 0 state, 1 parent, 2 group, 3 session. */
const stat = (pid: number): readonly string[] => {
  const text = read(`/proc/${pid}/stat`);
  return text === "" ? [] : text.slice(text.lastIndexOf(")") + 2).split(" ");
};

export const isRunning = (pid: number): boolean => !["Z", "X", undefined].includes(stat(pid)[0]);
export const parentOf = (pid: number): number => Number(stat(pid)[1] ?? 0);
export const commandLine = (pid: number): string => read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
export const environmentOf = (pid: number): string => read(`/proc/${pid}/environ`).replaceAll("\0", "\n");
export const userOf = (pid: number): number => Number(/^Uid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1]);
export const residentMegabytes = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1]) / 1_024;
/** User and system time used so far, in seconds. */
export const cpuSeconds = (pid: number): number => {
  const fields = stat(pid);
  return (Number(fields[11]) + Number(fields[12])) / 100;
};

/** Every running process of a session. */
export const sessionOf = (session: number): readonly number[] =>
  allPids().filter((pid) => Number(stat(pid)[3]) === session && isRunning(pid));

/** Every process that runs in one of the folders or was started with a path in them; never this process itself. */
export const processesOf = (folders: readonly string[]): readonly number[] =>
  allPids().filter((pid) => {
    if (pid === process.pid || !isRunning(pid)) return false;
    const cwd = link(`/proc/${pid}/cwd`);
    const command = commandLine(pid);
    return folders.some((folder) => cwd === folder || cwd.startsWith(`${folder}/`) || command.includes(`${folder}/`));
  });

/** What a process listens on over TCP. */
export const listenersOf = (pid: number): readonly Listener[] =>
  tcpSocketsOf(pid).flatMap(({ local, state }) => (state === "0A" ? [local] : []));

/** How many TCP connections a process holds to a port, those included that it has closed only half. */
export const connectionsTo = (pid: number, port: number): number =>
  // The kernel's table is read in pieces: what comes or goes meanwhile may put a line into two of them.
  new Set(tcpSocketsOf(pid).flatMap(({ remote, inode }) => (remote.port === port ? [inode] : []))).size;

interface TcpSocket {
  readonly local: Listener;
  readonly remote: Listener;
  /** As the kernel writes it: 01 established, 0A listening. */
  readonly state: string;
  readonly inode: string;
}

function tcpSocketsOf(pid: number): readonly TcpSocket[] {
  const inodes = new Set<string>();
  try {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(link(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    }
  } catch {
    return [];
  }
  return [...tcpSockets("/proc/net/tcp"), ...tcpSockets("/proc/net/tcp6")].filter(({ inode }) => inodes.has(inode));
}

const tcpSockets = (table: string): readonly TcpSocket[] =>
  read(table)
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => {
      const [, local = "", remote = "", state = "", , , , , , inode = ""] = line.trim().split(/\s+/);
      return { local: ended(local), remote: ended(remote), state, inode };
    });

function ended(address: string): Listener {
  const [host = "", port = ""] = address.split(":");
  return { address: readable(host), port: Number.parseInt(port, 16) };
}

/** `0100007F` -> `127.0.0.1`; an IPv6 address stays as the kernel writes it. */
const readable = (hex: string): string =>
  hex.length === 8
    ? (hex.match(/../g) ?? [])
        .toReversed()
        .map((each) => Number.parseInt(each, 16))
        .join(".")
    : hex;

/** SIGKILL to each that still runs. */
export function endProcesses(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has just ended.
    }
  }
}
