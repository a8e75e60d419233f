// A supervisor's instances without a process of its own for the supervisor: what happens when two things happen to one at once.
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { layout } from "../../components/platforms/process/layout.ts";
import { readRecord } from "../../components/platforms/process/records.ts";
import { createSupervisor, type Supervisor } from "../../components/platforms/process/supervisor.ts";
import { idle } from "../support/delivery.ts";
import { freePort, until } from "../support/ports.ts";
import { processesOf } from "../support/processes.ts";

let root: string;
let supervisor: Supervisor;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "vitals-instance-"));
  supervisor = createSupervisor(root);
});
afterEach(async () => {
  vi.useRealTimers();
  await supervisor.stopAll();
  rmSync(root, { recursive: true, force: true });
});

const record = () => readRecord(layout(root), "idle-0");
const pid = () => record()?.identity?.pid ?? 0;

/** A program that is ready while a file is there, which it is at first. */
const readyWhile = (file: string) => idle({ ready: { exec: ["/bin/sh", "-c", `test -e ${file}`] } });

it("a restart while it is being brought back ends in one process that is known", async () => {
  const flag = join(root, "ready");
  writeFileSync(flag, "");
  await supervisor.apply(readyWhile(flag));
  rmSync(flag);
  process.kill(pid(), "SIGKILL");
  await until(() => record()?.state === "starting");
  const again = pid();
  const restarted = supervisor.restart("idle-0");
  await until(() => pid() !== 0 && pid() !== again);
  writeFileSync(flag, "");
  await restarted;
  // Whoever waited for the process before has looked again by then.
  await new Promise((wait) => setTimeout(wait, 1_000));
  expect(record()?.state).toBe("ready");
  expect(processesOf([root])).toEqual([pid()]);
});

it("what hangs when it is brought back is ended before the next try", async () => {
  const flag = join(root, "ready");
  writeFileSync(flag, "");
  await supervisor.apply(readyWhile(flag));
  rmSync(flag);
  process.kill(pid(), "SIGKILL");
  await until(() => record()?.state === "starting");
  const hung = pid();
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
  await until(() => pid() !== 0 && pid() !== hung);
  expect(processesOf([root])).toEqual([pid()]);
  expect(record()?.restarts).toBe(2);
});

it("a program that has vanished is tried again a few times, told, and back when it is there again", async () => {
  const program = join(root, "program");
  symlinkSync(process.execPath, program);
  const delivery = { ...idle(), command: program };
  await supervisor.apply(delivery);
  rmSync(program);
  process.kill(pid(), "SIGKILL");
  await until(() => record()?.state === "failed", 20_000);
  expect(record()?.reason).toContain(`${program} cannot be started`);
  symlinkSync(process.execPath, program);
  expect(await supervisor.apply(delivery)).toMatchObject({ change: "started" });
});

it("two that swap their ports in one update both come up", async () => {
  const [left, right] = [await freePort(), await freePort()];
  const on = (instance: string, number: number) =>
    idle({
      instance,
      service: instance,
      ports: [{ name: "web", number, protocol: "tcp" }],
      ready: { tcp: `127.0.0.1:${number}` },
    });
  await supervisor.apply(on("one-0", left));
  await supervisor.apply(on("two-0", right));
  const settled = () => {
    expect(supervisor.status().map(({ state }) => state)).toEqual(["ready", "ready"]);
    expect(processesOf([root]).toSorted()).toEqual(
      supervisor
        .status()
        .map(({ pid: each }) => each)
        .toSorted(),
    );
  };
  // One after the other, as where one needs the other; and both at once.
  await supervisor.apply(on("one-0", right));
  await supervisor.apply(on("two-0", left));
  settled();
  for (let round = 0; round < 5; round++) {
    const [one, two] = round % 2 === 0 ? [left, right] : [right, left];
    // Nothing to wait for on its own side: it meets the other in the midst of its stop.
    await supervisor.stop("one-0");
    await Promise.all([supervisor.apply(on("one-0", one)), supervisor.apply(on("two-0", two))]);
    settled();
  }
});
