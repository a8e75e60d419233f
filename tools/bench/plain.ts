// The stack's processes as a plain script would start them: the same programs with the same files, each as soon as what it needs is ready.
import { type ChildProcess, spawn } from "node:child_process";
import { check } from "../../components/platforms/process/checks.ts";
import type { RunRecord } from "../../components/platforms/process/records.ts";

/** Starts all, waits until all are ready, ends all. Resolves with the milliseconds until the last one was ready. */
export async function plainStart(
  root: string,
  records: readonly RunRecord[],
  needs: ReadonlyMap<string, readonly string[]>,
): Promise<number> {
  const children: ChildProcess[] = [];
  const ready = new Map<string, Promise<void>>();
  const from = performance.now();
  const bring = (record: RunRecord): Promise<void> => {
    const { service } = record.order.plan;
    const known = ready.get(service);
    if (known !== undefined) return known;
    const begun = (async () => {
      await Promise.all(records.filter((other) => needs.get(service)?.includes(other.order.plan.service)).map(bring));
      await runUntilReady(root, record, children);
    })();
    ready.set(service, begun);
    return begun;
  };
  try {
    await Promise.all(records.map(bring));
    return performance.now() - from;
  } finally {
    await Promise.all(children.map(end));
  }
}

async function runUntilReady(root: string, { order }: RunRecord, children: ChildProcess[]): Promise<void> {
  const { command, commandArgs, plan, uid, gid, binaries } = order;
  const child = spawn(command, commandArgs, {
    cwd: root,
    stdio: "ignore",
    env: { PATH: process.env.PATH, HOME: root, ...plan.env },
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  });
  children.push(child);
  if (plan.kind === "job") return new Promise((done) => void child.once("exit", () => done()));
  const { ready } = plan;
  if (ready === undefined) return;
  for (const limit = Date.now() + 60_000; Date.now() < limit; ) {
    if ((await check(ready, 2_000, (tool) => binaries[tool] ?? tool)) === undefined) return;
    await new Promise((next) => setTimeout(next, 20));
  }
  throw new Error(`${plan.service} was not ready within 60 s`);
}

const end = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((done) => {
        const force = setTimeout(() => child.kill("SIGKILL"), 20_000);
        child.once("exit", () => {
          clearTimeout(force);
          done();
        });
        // PostgreSQL's SIGTERM waits for its clients; SIGINT ends every program here in order.
        child.kill("SIGINT");
      });
