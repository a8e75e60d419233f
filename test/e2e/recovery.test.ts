// What dies comes back: services by their supervisor, the supervisor by the next plain `up`.
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Checkout, freshCheckout } from "../support/checkout.ts";
import { until } from "../support/ports.ts";
import { isRunning, sessionOf } from "../support/processes.ts";

/** Promised seconds until a killed service is ready again. */
const promised = 5;
/** Promised seconds from a change of a program's code until that code serves, while `dev` watches. */
const promisedReload = 1;

describe("a stack that runs", () => {
  let checkout: Checkout;
  beforeAll(async () => {
    checkout = await freshCheckout({ settings: { demo: true } });
    const { code, text } = await checkout.up();
    expect(code, text).toBe(0);
  });
  afterAll(() => checkout.dispose());

  const recordOf = (instance: string) => {
    const found = checkout.records().find(({ order }) => order.plan.instance === instance);
    if (found === undefined) throw new Error(`${instance} has no record`);
    return found;
  };
  const pids = () =>
    Object.fromEntries(checkout.records().map(({ order, identity }) => [order.plan.instance, identity?.pid]));

  const kills = new Map<string, number>();
  /** Seconds until another process is ready in its place. */
  const killAndWait = async (instance: string): Promise<number> => {
    const old = recordOf(instance).identity?.pid ?? 0;
    expect(isRunning(old)).toBe(true);
    const begun = performance.now();
    process.kill(old, "SIGKILL");
    kills.set(instance, (kills.get(instance) ?? 0) + 1);
    await until(() => {
      const { identity, state } = recordOf(instance);
      return state === "ready" && identity !== undefined && identity.pid !== old;
    }, promised * 3_000);
    const seconds = (performance.now() - begun) / 1_000;
    expect(sessionOf(old)).toEqual([]);
    return seconds;
  };

  it("has each service back and ready after kill -9, without anyone's help and without strays", async () => {
    const took: Record<string, number> = {};
    for (const { order } of checkout.records().filter(({ order: { plan } }) => plan.kind !== "job"))
      took[order.plan.service] = await killAndWait(order.plan.instance);
    expect(checkout.strays()).toEqual([]);
    console.log(
      `ready again after kill -9: ${Object.entries(took)
        .map(([name, seconds]) => `${name} ${seconds.toFixed(2)} s`)
        .join(", ")} (promised ${promised} s)`,
    );
  });

  it("counts those restarts, and has nothing to change afterwards", async () => {
    const services = checkout.records().filter(({ order }) => order.plan.kind !== "job");
    // More than one each, when the test before had to be tried again.
    expect(new Map(services.map(({ order, restarts }) => [order.plan.instance, restarts]))).toEqual(kills);
    const { code, text } = await checkout.pulumi("preview", "-s", "dev", "--expect-no-changes", "--non-interactive");
    expect(code, text).toBe(0);
  });

  it("runs on when its supervisor is killed; the next up adopts what runs, restarts what died, leaves no orphan", async () => {
    const before = pids();
    const supervisor = checkout.supervisor()?.identity.pid ?? 0;
    process.kill(supervisor, "SIGKILL");
    await until(() => checkout.supervisor() === undefined);
    const redis = before["redis-0"] ?? 0;
    process.kill(redis, "SIGKILL");
    await until(() => !isRunning(redis));
    const status = await checkout.run("status");
    expect(status.text).toMatch(/^redis +has died/m);
    expect(status.text).toMatch(/^supervisor +is not running/m);
    expect(status.code).toBe(1);

    const { code, text, seconds } = await checkout.up();
    expect(code, text).toBe(0);
    const after = pids();
    expect(after["redis-0"]).not.toBe(redis);
    expect({ ...after, "redis-0": redis }).toEqual(before);
    expect(checkout.supervisor()?.identity.pid).not.toBe(supervisor);
    expect((await checkout.status()).filter(({ ready }) => !ready)).toEqual([]);
    expect(checkout.strays()).toEqual([]);
    console.log(`up after the supervisor and redis were killed: ${seconds.toFixed(1)} s`);
  });

  it("has an adopted service back as quickly as one of its own children", async () => {
    const seconds = await killAndWait("jaeger-0");
    console.log(`adopted jaeger ready again after kill -9: ${seconds.toFixed(2)} s (promised ${promised} s)`);
  });

  it("heals with a plain up when supervisor and every service are killed at once", async () => {
    const all = checkout.processes();
    for (const pid of all) process.kill(pid, "SIGKILL");
    await until(() => checkout.processes().length === 0);
    const { code, text } = await checkout.up();
    expect(code, text).toBe(0);
    expect((await checkout.status()).filter(({ ready }) => !ready)).toEqual([]);
    expect(checkout.strays()).toEqual([]);
  });

  it("gets a new supervisor when its code changes, and every service runs on", async () => {
    const before = pids();
    const supervisor = checkout.supervisor()?.identity.pid ?? 0;
    const path = "components/platforms/process/supervisor.ts";
    checkout.write(path, `${checkout.read(path)}\n// A newer version.\n`);
    const { code, text } = await checkout.up();
    expect(code, text).toBe(0);
    expect(text).toContain("vitals:process:Supervisor supervisor updated");
    expect(text).toContain("1 updated");
    expect(checkout.supervisor()?.identity.pid).not.toBe(supervisor);
    expect(isRunning(supervisor)).toBe(false);
    expect(pids()).toEqual(before);
    expect(checkout.strays()).toEqual([]);
  });

  it("restarts only the services whose own code has changed", async () => {
    const before = pids();
    const path = "demo/slack/main.ts";
    checkout.write(path, `${checkout.read(path)}\n// A newer version.\n`);
    const { code, text } = await checkout.up();
    expect(code, text).toBe(0);
    const after = pids();
    expect(after["demo-slack-0"]).not.toBe(before["demo-slack-0"]);
    expect({ ...after, "demo-slack-0": 0 }).toEqual({ ...before, "demo-slack-0": 0 });
  });

  it("has a program run its new code by itself while dev watches, and nothing else restarted", async () => {
    const before = pids();
    const dev = checkout.start(process.execPath, ["run.mjs", "dev"]);
    const path = "gateway/docs.ts";
    const right = checkout.read(path);
    // Whatever fails here, the next test finds the code as it was.
    onTestFinished(async () => {
      dev.kill();
      await dev.ended;
      checkout.write(path, right);
    });
    const serves = (old?: number) => () => {
      const { state, identity } = recordOf("gateway-0");
      return state === "ready" && identity?.pid !== old;
    };
    await until(() => dev.output().includes("Watching the code of"), 20_000);
    const took: number[] = [];
    for (let turn = 0; turn < 3; turn++) {
      const old = recordOf("gateway-0").identity?.pid;
      const begun = performance.now();
      checkout.write(path, `${right}\n// A newer version ${turn}.\n`);
      await until(serves(old), promisedReload * 30_000);
      took.push((performance.now() - begun) / 1_000);
    }
    console.log(
      `dev: a changed gateway serves after ${took.map((each) => each.toFixed(2)).join(", ")} s (promised ${promisedReload} s)`,
    );
    expect(Math.min(...took)).toBeLessThan(promisedReload * 3);

    // What cannot run is told, and healed by the next change.
    checkout.write(path, `${right}\nthis is no TypeScript\n`);
    await until(() => dev.output().includes("gateway-0: ended with code 1"), 20_000);
    expect(dev.output()).toContain("ERR_INVALID_TYPESCRIPT_SYNTAX");
    checkout.write(path, right);
    await until(serves(), 20_000);
    process.kill(-dev.pid, "SIGINT");
    expect((await dev.ended).code).toBe(0);
    expect({ ...pids(), "gateway-0": 0 }).toEqual({ ...before, "gateway-0": 0 });
    expect(checkout.strays()).toEqual([]);
  });

  it("notices a generated file that was edited by hand, and puts it right", async () => {
    const path = `${checkout.root()}/files/prometheus-0/etc/prometheus/prometheus.yml`;
    const right = readFileSync(path, "utf8");
    writeFileSync(path, `${right}\n# by hand\n`);
    const status = await checkout.run("status");
    expect(status.text).toMatch(/^prometheus +its file .*prometheus\.yml was changed by hand/m);
    const { code, text } = await checkout.up();
    expect(code, text).toBe(0);
    expect(readFileSync(path, "utf8")).toBe(right);
  });

  it("gives a service up that ends five times in a minute, says so, and heals it by the next up", async () => {
    const path = `${checkout.root()}/files/redis-0/etc/redis/redis.conf`;
    writeFileSync(path, "no-such-setting 1\n");
    process.kill(await checkout.pidOf("redis"), "SIGKILL");
    await until(() => recordOf("redis-0").state === "failed", 60_000);
    const status = await checkout.run("status");
    expect(status.code).toBe(1);
    expect(status.text).toMatch(/^redis +has failed: ended with code 1/m);
    expect((await checkout.run("health-check")).code).toBe(1);
    const preview = await checkout.pulumi("preview", "-s", "dev", "--expect-no-changes", "--non-interactive");
    expect(preview.code).not.toBe(0);
    const { code, text } = await checkout.up();
    expect(code, text).toBe(0);
    expect(recordOf("redis-0").state).toBe("ready");
    expect(checkout.strays()).toEqual([]);
  });

  it("ends everything when its state folder is gone, and the supervisor leaves too", async () => {
    const root = checkout.root();
    rmSync(root, { recursive: true, force: true });
    await until(() => checkout.processes().length === 0, 60_000);
    expect(existsSync(root)).toBe(false);
  });

  it("begins with new data after that, and a stop and an up later its passwords still open it", async () => {
    for (const command of ["up", "stop", "up"]) {
      const { code, text } = command === "up" ? await checkout.up() : await checkout.run(command);
      expect(code, text).toBe(0);
    }
    expect((await checkout.status()).filter(({ ready }) => !ready)).toEqual([]);
  });
});
