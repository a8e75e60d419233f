// db-stats over many cycles of trouble: after each, one session stands for its database, seen from the server and from this process.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { dbStats } from "../../exporters/db-stats/index.ts";
import { until } from "../support/ports.ts";
import { postgresMissing, startPostgres } from "../support/postgres.ts";
import { connectionsTo } from "../support/processes.ts";
import { redisMissing, startRedis } from "../support/redis.ts";
import { runExporter } from "./scraped.ts";

const password = "leak-test-password";
const cycles = process.env.VITALS_PROVE === "1" ? 1_000 : 10;

interface Trouble {
  readonly name: string;
  readonly begin: () => Promise<unknown>;
  readonly end?: () => Promise<unknown>;
  /** What a scrape may take meanwhile. */
  readonly seconds?: number;
  /** Connections that may stay meanwhile: one with which the server has begun, if in the last moment, is waited for and used later. */
  readonly stay?: 1;
}

interface Watched {
  readonly up: "pg_up" | "redis_up";
  readonly port: number;
  /** Sessions on the server, whoever they are of, but for the one that asks. */
  readonly sessions: () => Promise<number>;
  readonly troubles: readonly Trouble[];
}

let folder: string;
let passwordFile: string;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vitals-leaks-"));
  passwordFile = join(folder, "password");
  await writeFile(passwordFile, password, { mode: 0o600 });
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const otherPassword = () => writeFile(passwordFile, "another-password");
const rightPassword = () => writeFile(passwordFile, password);

const signal = (name: NodeJS.Signals, pids: readonly number[]): void => {
  for (const pid of pids) process.kill(pid, name);
};

/** Counts are taken before anything is ended by us: what leaked is still there. */
async function expectNoLeak(kind: "postgres" | "redis", { up, port, sessions, troubles }: Watched): Promise<void> {
  // Ours, which asks the server, goes to the same port.
  const ours = connectionsTo(process.pid, port);
  const entry = { id: "main", kind, address: `127.0.0.1:${port}`, user: "stats", passwordFile };
  const exporter = await runExporter(dbStats, { databases: [entry] });
  cleanups.push(exporter.close);
  const isUp = async () => (await exporter.metrics()).value(`${up}{database="main"}`) === 1;
  const here = () => connectionsTo(process.pid, port) - ours;
  await until(isUp);
  for (let cycle = 0; cycle < cycles; cycle++) {
    const { name, begin, end, seconds = 5, stay = 0 } = troubles[cycle % troubles.length] as Trouble;
    try {
      await begin();
      const page = await exporter.metrics({ "x-prometheus-scrape-timeout-seconds": `${seconds}` });
      expect({ cycle, name, up: page.value(`${up}{database="main"}`) }).toEqual({ cycle, name, up: 0 });
      // On a busy machine the time may be over before the server has begun with it: then nothing stays.
      await until(() => here() <= stay, 1_000).catch(() => undefined);
      expect({ cycle, name, left: Math.max(0, here() - stay) }).toEqual({ cycle, name, left: 0 });
    } finally {
      await end?.();
    }
    await until(isUp);
    // The server notices a moment later that somebody has left. What leaked stays.
    await until(async () => (await sessions()) === 1 && here() === 1, 5_000).catch(() => undefined);
    expect({ cycle, name, server: await sessions(), here: here() }).toEqual({ cycle, name, server: 1, here: 1 });
  }
}

describe.skipIf(postgresMissing() !== undefined)(`db-stats and PostgreSQL (${postgresMissing() ?? "there"})`, () => {
  it("leaks no session over many cycles of lost, refused and abandoned connections", async () => {
    const server = await startPostgres({ password });
    cleanups.push(() => server.stop());
    const admin = new pg.Client({ host: "127.0.0.1", port: server.port, user: server.user, password });
    await admin.connect();
    cleanups.push(() => admin.end());
    await admin.query(`create role stats login in role pg_monitor password '${password}'`);
    const others = "backend_type = 'client backend' and pid <> pg_backend_pid()";
    const pids = async (): Promise<readonly number[]> =>
      (await admin.query(`select pid from pg_stat_activity where ${others}`)).rows.map(({ pid }) => pid);
    const cut = () => admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where ${others}`);
    await expectNoLeak("postgres", {
      up: "pg_up",
      port: server.port,
      sessions: async () => (await pids()).length,
      troubles: [
        {
          name: "no role",
          begin: async () => [await admin.query("alter role stats nologin"), await cut()],
          end: () => admin.query("alter role stats login"),
        },
        { name: "wrong password", begin: async () => [await otherPassword(), await cut()], end: rightPassword },
        {
          name: "full",
          begin: async () => [await admin.query("alter role stats connection limit 0"), await cut()],
          end: () => admin.query("alter role stats connection limit -1"),
        },
        {
          name: "frozen session",
          begin: async () => signal("SIGSTOP", await pids()),
          end: async () => signal("SIGCONT", await pids()),
          seconds: 0.2,
          stay: 1,
        },
        {
          name: "frozen before it is connected",
          begin: async () => [await cut(), signal("SIGSTOP", [server.pid()])],
          end: async () => signal("SIGCONT", [server.pid()]),
          seconds: 0.2,
          stay: 1,
        },
      ],
    });
  }, 1_800_000);
});

describe.skipIf(redisMissing() !== undefined)(`db-stats and Redis (${redisMissing() ?? "there"})`, () => {
  it("leaks no connection over many cycles of lost, refused, abandoned and frozen ones", async () => {
    const server = await startRedis({ acl: [`user stats on >${password} +info +slowlog|len +latency|latest`] });
    cleanups.push(() => server.stop("SIGKILL"));
    const admin = new Redis(server.port, "127.0.0.1");
    await admin.ping();
    cleanups.push(() => admin.disconnect());
    const cut = () => admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await expectNoLeak("redis", {
      up: "redis_up",
      port: server.port,
      sessions: async () =>
        String(await admin.client("LIST"))
          .trim()
          .split("\n").length - 1,
      troubles: [
        { name: "wrong password", begin: async () => [await otherPassword(), await cut()], end: rightPassword },
        {
          name: "full",
          begin: async () => [await admin.config("SET", "maxclients", "1"), await cut()],
          end: () => admin.config("SET", "maxclients", "100"),
        },
        {
          name: "frozen",
          begin: async () => signal("SIGSTOP", [server.pid]),
          end: async () => signal("SIGCONT", [server.pid]),
          seconds: 0.2,
        },
        {
          name: "frozen before it is connected",
          begin: async () => [await cut(), signal("SIGSTOP", [server.pid])],
          end: async () => signal("SIGCONT", [server.pid]),
          seconds: 0.2,
        },
      ],
    });
  }, 1_800_000);
});
