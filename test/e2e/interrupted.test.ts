// kill -9 of the engine, its language host and our provider at any moment: the next `up` needs nobody's help.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Checkout, freshCheckout } from "../support/checkout.ts";
import { until } from "../support/ports.ts";
import { sessionOf } from "../support/processes.ts";

const rounds = process.env.VITALS_PROVE === undefined ? 5 : 40;
const seed = Number(process.env.VITALS_SEED ?? 20_261);

/** The same moments for the same seed (mulberry32). */
function random(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const upArguments = ["run.mjs", "pulumi", "up", "-s", "dev", "--yes", "--skip-preview", "--non-interactive"];

describe("a pulumi up that is killed", () => {
  let checkout: Checkout;
  /** How long an up from nothing takes here, and how long a command takes to its end. */
  let length = 0;
  beforeAll(async () => {
    checkout = await freshCheckout({ settings: {} });
    const { code, text, seconds } = await checkout.up();
    expect(code, text).toBe(0);
    length = seconds;
  });
  afterAll(() => checkout.dispose());

  const killAfter = async (seconds: number, args: readonly string[]): Promise<string> => {
    const running = checkout.start(process.execPath, args);
    const timer = setTimeout(running.kill, seconds * 1_000);
    const { text } = await running.ended;
    clearTimeout(timer);
    running.kill();
    // A process that was killed is not gone at once.
    await until(() => sessionOf(running.pid).length === 0);
    return text;
  };

  const converges = async (about: string): Promise<void> => {
    const { code, text } = await checkout.up();
    expect(code, `${about}\n${text}`).toBe(0);
    expect((await checkout.status()).filter(({ ready }) => !ready)).toEqual([]);
    expect(checkout.strays()).toEqual([]);
    const preview = await checkout.pulumi("preview", "-s", "dev", "--expect-no-changes", "--non-interactive");
    expect(preview.code, `${about}\n${preview.text}`).toBe(0);
    expect(preview.text).not.toContain("pending operations");
  };

  const next = random(seed);
  const kinds = [
    {
      name: "from nothing",
      prepare: async () => {
        const { code, text } = await checkout.run("stop", "--purge");
        expect(code, text).toBe(0);
      },
      args: upArguments,
    },
    {
      name: "with restarts and reloads to do",
      prepare: async () => {
        checkout.configure({
          redisMaxMemory: `${64 + Math.floor(next() * 100)}MiB`,
          scrapeInterval: `${5 + Math.floor(next() * 20)}s`,
        });
      },
      args: upArguments,
    },
    { name: "during npm stop", prepare: async () => {}, args: ["run.mjs", "stop"] },
  ] as const;

  for (let round = 0; round < rounds; round++) {
    const kind = kinds[round % kinds.length] ?? kinds[0];
    const share = next();
    it(`${kind.name}, at ${(share * 100).toFixed(0)} % of its time (seed ${seed}): the next up converges`, async () => {
      await kind.prepare();
      const text = await killAfter(share * length, kind.args);
      await converges(`killed after:\n${text}`);
    });
  }

  it("leaves a lock that npm commands take away, and that plain pulumi names with its remedy", async () => {
    const locks = `${checkout.dir}/.vitals/backend/.pulumi/locks/organization/vitals/dev`;
    const locked = () => existsSync(locks) && readdirSync(locks).some((name) => name.endsWith(".json"));
    const running = checkout.start(process.execPath, upArguments);
    await until(locked);
    running.kill();
    await running.ended;
    // Whom it was just starting, too.
    running.kill();
    await until(() => sessionOf(running.pid).length === 0);
    expect(locked()).toBe(true);
    const script = `eval "$(npm run --silent pulumi -- env)" && npx pulumi up -s dev --yes --skip-preview --non-interactive`;
    const byHand = await checkout.start("/bin/sh", ["-c", script]).ended;
    expect(byHand.code).not.toBe(0);
    expect(byHand.text).toContain("the stack is currently locked");
    expect(byHand.text).toContain("pulumi cancel");
    await converges("with the lock of a killed pulumi");
    expect(existsSync(locks) ? readdirSync(locks) : []).toEqual([]);
  });

  it("does not take the lock of a Pulumi that lives", async () => {
    const locks = `${checkout.dir}/.vitals/backend/.pulumi/locks/organization/vitals/dev`;
    mkdirSync(locks, { recursive: true });
    writeFileSync(
      `${locks}/11111111-1111-4111-8111-111111111111.json`,
      JSON.stringify({ pid: process.pid, username: "test", hostname: hostname(), timestamp: new Date().toISOString() }),
    );
    const { code, text } = await checkout.up();
    expect(code).not.toBe(0);
    expect(text).toContain("the stack is currently locked");
    writeFileSync(
      `${locks}/11111111-1111-4111-8111-111111111111.json`,
      JSON.stringify({ pid: 2 ** 22 + 1, username: "test", hostname: hostname(), timestamp: new Date().toISOString() }),
    );
    await converges("with a dead process' lock");
  });
});
