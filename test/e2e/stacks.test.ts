// Two stacks side by side, in one checkout and in two, do not disturb each other; a long path and an early boot do no harm.
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Checkout, freshCheckout } from "../support/checkout.ts";
import { freeOffset } from "../support/offsets.ts";
import { until } from "../support/ports.ts";
import { isRunning } from "../support/processes.ts";

describe("two stacks", () => {
  let checkout: Checkout;
  let other: Checkout;
  beforeAll(async () => {
    // Longer than a socket's address may be: its folder lies elsewhere.
    checkout = await freshCheckout({
      below: `${"a-very-long-folder-name-".repeat(4)}/below/${"another-one-".repeat(6)}`,
    });
    const { code, text } = await checkout.up();
    expect(code, text).toBe(0);
    other = await freshCheckout();
  });
  afterAll(async () => {
    await checkout.dispose();
    await other.dispose();
  });

  const pidsOf = (of: Checkout, stack?: string) => of.records(stack).map(({ identity }) => identity?.pid);
  const allReady = async (of: Checkout, stack?: string) =>
    expect((await of.status(stack)).filter(({ ready }) => !ready)).toEqual([]);

  it("may lie below a path that is longer than a socket's address", async () => {
    expect(checkout.dir.length).toBeGreaterThan(150);
    await allReady(checkout);
  });

  it("keep their socket in a folder that only its owner may enter", () => {
    const socket = checkout.supervisor()?.socket ?? "";
    expect(statSync(dirname(socket)).mode & 0o777).toBe(0o700);
    expect(statSync(dirname(socket)).uid).toBe(process.getuid?.());
    expect(statSync(socket).isSocket()).toBe(true);
  });

  it("run in one checkout, and one goes without a trace on the other", async () => {
    const before = pidsOf(checkout);
    checkout.configure({ portOffset: await freeOffset() }, "second");
    const made = await checkout.pulumi("stack", "init", "second");
    expect(made.code, made.text).toBe(0);
    const up = await checkout.up("second");
    expect(up.code, up.text).toBe(0);
    await allReady(checkout, "second");
    expect(pidsOf(checkout)).toEqual(before);
    const { code, text } = await checkout.run("stop", "--stack", "second", "--purge");
    expect(code, text).toBe(0);
    expect(existsSync(checkout.root("second"))).toBe(false);
    expect(pidsOf(checkout)).toEqual(before);
    await allReady(checkout);
  });

  it("run in two checkouts, and one goes without a trace on the other", async () => {
    const before = pidsOf(checkout);
    const { code, text } = await other.up();
    expect(code, text).toBe(0);
    await allReady(other);
    expect(pidsOf(checkout)).toEqual(before);
    const stopped = await other.run("stop", "--purge");
    expect(stopped.code, stopped.text).toBe(0);
    expect(other.processes()).toEqual([]);
    expect(pidsOf(checkout)).toEqual(before);
    await allReady(checkout);
  });

  it("do not signal anybody by the records of another boot", async () => {
    const victim = other.start("/bin/sleep", ["600"]);
    const run = `${checkout.root()}/run`;
    const supervisor = checkout.supervisor()?.identity.pid ?? 0;
    // As after a power cut: everything is dead, and the pids of the records belong to others now.
    process.kill(supervisor, "SIGKILL");
    for (const pid of pidsOf(checkout)) if (pid !== undefined) process.kill(pid, "SIGKILL");
    await until(() => checkout.processes().length === 0);
    for (const name of readdirSync(run)) {
      const record = JSON.parse(readFileSync(`${run}/${name}`, "utf8"));
      writeFileSync(
        `${run}/${name}`,
        JSON.stringify({ ...record, identity: { ...record.identity, pid: victim.pid, boot: "another" } }),
      );
    }
    const { code, text } = await checkout.up();
    expect(code, text).toBe(0);
    await allReady(checkout);
    expect(isRunning(victim.pid)).toBe(true);
    victim.kill();
    await victim.ended;
  });

  it("bind their socket again when somebody removes it", async () => {
    const socket = checkout.supervisor()?.socket ?? "";
    rmSync(socket);
    await until(() => existsSync(socket), 20_000);
    const restarted = await checkout.run("restart", "redis");
    expect(restarted.code, restarted.text).toBe(0);
    expect(restarted.text).toMatch(/^redis-0: ready again after /);
  });

  it("end everything when their state folder is moved away", async () => {
    const root = checkout.root();
    renameSync(root, `${root}-moved`);
    await until(() => checkout.processes().length === 0, 60_000);
    expect(existsSync(root)).toBe(false);
    rmSync(`${root}-moved`, { recursive: true, force: true });
  });

  it("refuse a state folder of somebody else, and say whose it is", async ({ skip }) => {
    if (process.getuid?.() !== 0) skip("skipped: only root can give a folder away");
    const home = mkdtempSync("/tmp/vitals-foreign-");
    chmodSync(home, 0o711);
    const foreign = await freshCheckout({ env: { VITALS_STATE_DIR: home } });
    try {
      mkdirSync(foreign.root(), { recursive: true });
      chownSync(foreign.root(), 65_534, 65_534);
      const { code, text } = await foreign.up();
      expect(code).not.toBe(0);
      expect(text).toMatch(/this state folder belongs to user 65534\n +-> Run as that user/);
      expect(foreign.processes()).toEqual([]);
    } finally {
      await foreign.dispose();
      rmSync(home, { recursive: true, force: true });
    }
  });
});
