// Two processes on one core of the machine, where neither has to wake the other on its own: to do so takes longer than what they ask
// of each other, and whether it is needed changes within seconds.
import { run } from "../exec.ts";

/** Runs the work while the main threads of these processes share a core. Without Linux's taskset they stay where they are. */
export async function onOneCore<T>(pids: readonly number[], work: () => Promise<T>): Promise<T> {
  const before = await Promise.all(pids.map(coresOf));
  const [some] = before;
  if (some === undefined) return work();
  const last = /\d+$/.exec(some)?.[0] ?? some;
  try {
    for (const pid of pids) await set(pid, last);
    return await work();
  } finally {
    for (const [index, pid] of pids.entries()) await set(pid, before[index] ?? some);
  }
}

/** A list such as `0-3`; undefined where nobody tells. */
async function coresOf(pid: number): Promise<string | undefined> {
  const told = await run("taskset", ["-cp", String(pid)]).catch(() => undefined);
  return told?.code === 0 ? /: (\S+)\s*$/.exec(told.stdout)?.[1] : undefined;
}

async function set(pid: number, cores: string): Promise<void> {
  const { code, stderr } = await run("taskset", ["-cp", cores, String(pid)]);
  if (code !== 0) throw new Error(`taskset: ${stderr.trim()}`);
}
