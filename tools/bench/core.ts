// Two processes on one core of the machine, where neither has to wake the other on its own: to do so takes longer than what they ask
// of each other, and whether it is needed changes within seconds.
import { run } from "../exec.ts";

/** Runs the work while the main threads of these processes share a core. Where nobody can move them (Linux's taskset) they stay. */
export async function onOneCore<T>(pids: readonly number[], work: () => Promise<T>): Promise<T> {
  const before = await Promise.all(pids.map(coresOf));
  const last = /\d+$/.exec(before[0] ?? "")?.[0];
  if (last !== undefined) for (const pid of pids) await move(pid, last);
  try {
    return await work();
  } finally {
    for (const [index, cores] of before.entries()) if (cores !== undefined) await move(pids[index], cores);
  }
}

/** A list such as `0-3`; undefined where nobody tells. */
async function coresOf(pid: number): Promise<string | undefined> {
  const told = await run("taskset", ["-cp", String(pid)]).catch(() => undefined);
  return told?.code === 0 ? /: (\S+)\s*$/.exec(told.stdout)?.[1] : undefined;
}

/** One that has ended or may not be moved is left alone. */
const move = (pid: number | undefined, cores: string): Promise<unknown> =>
  run("taskset", ["-cp", cores, String(pid)]).catch(() => undefined);
