// db-stats and a Redis with which something is wrong: it says what, shows what it can, and recovers by itself.
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { dbStats } from "../../exporters/db-stats/index.ts";
import { redisCollectors } from "../../exporters/db-stats/redis/index.ts";
import { selfSigned } from "../../tools/certificate.ts";
import { freePort, until } from "../support/ports.ts";
import { type RedisOptions, redisMissing, startRedis, type TestRedis } from "../support/redis.ts";
import { runExporter, type Scraped, type Shown } from "./scraped.ts";

const password = "redis-trouble-password";
const rights = "+info +slowlog|len +latency|latest +ping";
const acl = [`user stats on >${password} ${rights}`];
const missing = redisMissing();

let folder: string;
let passwordFile: string;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vitals-redis-trouble-"));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  passwordFile = join(folder, "password");
  await writeFile(passwordFile, password, { mode: 0o600 });
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function redis(options: RedisOptions = {}): Promise<TestRedis> {
  const server = await startRedis({ acl, ...options });
  cleanups.push(() => server.stop("SIGKILL"));
  return server;
}

async function client({ port }: TestRedis): Promise<Redis> {
  const made = new Redis(port, "127.0.0.1");
  made.on("error", () => undefined);
  cleanups.push(() => made.disconnect());
  await made.ping();
  return made;
}

const entry = (id: string, port: number, more: object = {}) => ({
  id,
  kind: "redis",
  address: `127.0.0.1:${port}`,
  user: "stats",
  passwordFile,
  ...more,
});

async function stats(...databases: readonly object[]): Promise<Scraped> {
  const exporter = await runExporter(dbStats, { databases });
  cleanups.push(exporter.close);
  return exporter;
}

const of = (page: Shown, name: string, id = "main"): number | undefined =>
  page.value(`redis_${name}{database="${id}"}`);
/** Every cause that is told of a database now. */
const reasons = (page: Shown, id: string): readonly string[] =>
  [...page.body.matchAll(new RegExp(`^redis_down_reason\\{database="${id}",cause="(\\w+)"\\} 1$`, "gm"))].map(
    ([, cause = ""]) => cause,
  );
const failing = (page: Shown, id = "main"): readonly string[] =>
  redisCollectors
    .map(({ name }) => name)
    .filter((name) => page.value(`collector_success{collector="${name}",target="${id}"}`) !== 1);

describe.skipIf(missing !== undefined)(
  `db-stats and Redis in trouble${missing === undefined ? "" : ` (${missing})`}`,
  () => {
    it("says of each server why it is down, and has all of them again without a restart once each is mended", async () => {
      const { cert, key } = selfSigned("localhost", new Date(Date.now() - 60_000), new Date(Date.now() + 3_600_000));
      const [certFile, keyFile, caFile] = ["cert.pem", "key.pem", "ca.pem"].map((name) => join(folder, name));
      await writeFile(`${certFile}`, cert);
      await writeFile(`${keyFile}`, key, { mode: 0o600 });
      await writeFile(`${caFile}`, selfSigned("localhost", new Date(0), new Date(1e15)).cert);
      const [tlsPort, away] = [await freePort(), await freePort()];
      const config = [
        `tls-port ${tlsPort}`,
        `tls-cert-file ${certFile}`,
        `tls-key-file ${keyFile}`,
        "tls-auth-clients no",
      ];
      const locked = await redis({ config, acl: [...acl, `user denied on >${password} +ping`], password });
      const [frozen, full] = [await redis(), await redis()];
      const crowd = await client(full);
      await crowd.config("SET", "maxclients", "1");
      const wrongFile = join(folder, "wrong");
      await writeFile(wrongFile, "another-password");
      const tls = { caFile, serverName: "localhost" };
      const { metrics } = await stats(
        entry("refused", away),
        entry("nobody", locked.port, { passwordFile: undefined, user: "default" }),
        entry("wrong", locked.port, { passwordFile: wrongFile }),
        entry("denied", locked.port, { user: "denied" }),
        entry("untrusted", tlsPort, { tls }),
        entry("unknown", 1, { address: "no-such-host.invalid:6379" }),
        entry("frozen", frozen.port),
        entry("full", full.port),
      );
      process.kill(frozen.pid, "SIGSTOP");
      cleanups.push(() => process.kill(frozen.pid, "SIGCONT"));
      const causes = {
        refused: "connect",
        nobody: "auth",
        wrong: "auth",
        denied: "permission",
        untrusted: "tls",
        unknown: "dns",
        frozen: "timeout",
        full: "full",
      };
      const down = await metrics({ "x-prometheus-scrape-timeout-seconds": "2" });
      expect(Object.fromEntries(Object.keys(causes).map((id) => [id, reasons(down, id)]))).toEqual(
        Object.fromEntries(Object.entries(causes).map(([id, cause]) => [id, [cause]])),
      );
      for (const id of Object.keys(causes)) expect([id, of(down, "up", id)]).toEqual([id, 0]);

      process.kill(frozen.pid, "SIGCONT");
      await redis({ port: away });
      const admin = new Redis(locked.port, "127.0.0.1", { password });
      cleanups.push(() => admin.disconnect());
      await admin.call("ACL", "SETUSER", "denied", "+info");
      await admin.config("SET", "requirepass", "");
      await writeFile(wrongFile, password);
      await writeFile(`${caFile}`, cert);
      await crowd.config("SET", "maxclients", "100");
      const mended = Object.keys(causes).filter((id) => id !== "unknown");
      const up = await until(async () => {
        const page = await metrics();
        return mended.every((id) => of(page, "up", id) === 1) ? page : undefined;
      }, 20_000);
      for (const id of mended) expect([id, reasons(up, id), failing(up, id)]).toEqual([id, [], []]);
    }, 60_000);

    it("waits for a slow server as long as the scrape may take, and shows all of it", async () => {
      const server = await redis({ config: ["enable-debug-command yes"] });
      const user = await client(server);
      const { metrics } = await stats(entry("main", server.port));
      await metrics();
      const asleep = user.call("DEBUG", "SLEEP", "0.6");
      const page = await metrics({ "x-prometheus-scrape-timeout-seconds": "5" });
      expect(page.value('collector_duration_seconds{collector="server",target="main"}')).toBeGreaterThan(0.4);
      expect([of(page, "up"), failing(page)]).toEqual([1, []]);
      await asleep;
      const longer = user.call("DEBUG", "SLEEP", "1");
      const late = await metrics({ "x-prometheus-scrape-timeout-seconds": "0.4" });
      expect([of(late, "up"), reasons(late, "main")]).toEqual([0, ["timeout"]]);
      await longer;
      await until(async () => of(await metrics(), "up") === 1);
    });

    it("shows that a server loads its data, and that it has", async () => {
      const first = await redis({ config: [`dir ${folder}`, "rdbcompression no"] });
      const user = await client(first);
      for (let n = 0; n < 15; n++) await user.set(`key-${n}`, "x".repeat(2_000));
      await user.save();
      // Both settings of Redis are made for tests: a pause at each key, and a look at clients in between.
      const slowly = ["key-load-delay 100000", "loading-process-events-interval-bytes 1024"];
      const server = await redis({ config: [`dir ${folder}`, ...slowly] });
      const { metrics } = await stats(entry("main", server.port));
      const loading = await metrics();
      expect([of(loading, "up"), of(loading, "loading"), failing(loading)]).toEqual([1, 1, []]);
      const loaded = await until(async () => {
        const page = await metrics();
        return of(page, "loading") === 0 ? page : undefined;
      }, 20_000);
      expect(of(loaded, "keys")).toBe(15);
    }, 60_000);

    it("follows the part of each server through a failover and back", async () => {
      const primary = await redis({ config: ["repl-diskless-sync-delay 0"] });
      const replica = await redis({ config: [`replicaof 127.0.0.1 ${primary.port}`, "repl-diskless-sync-delay 0"] });
      const user = await client(replica);
      const { metrics } = await stats(entry("first", primary.port), entry("second", replica.port));
      const parts = async () => {
        const page = await metrics();
        return ["first", "second"].map((id) => [
          of(page, "up", id),
          of(page, "primary", id),
          of(page, "replica_link_up", id),
        ]);
      };
      await expect.poll(parts, { timeout: 20_000 }).toEqual([
        [1, 1, undefined],
        [1, 0, 1],
      ]);
      await primary.stop("SIGKILL");
      await expect.poll(parts, { timeout: 20_000 }).toEqual([
        [0, undefined, undefined],
        [1, 0, 0],
      ]);
      await user.call("REPLICAOF", "NO", "ONE");
      await expect.poll(parts, { timeout: 20_000 }).toEqual([
        [0, undefined, undefined],
        [1, 1, undefined],
      ]);
      await redis({ port: primary.port, config: [`replicaof 127.0.0.1 ${replica.port}`] });
      await expect.poll(parts, { timeout: 20_000 }).toEqual([
        [1, 0, 1],
        [1, 1, undefined],
      ]);
      expect(of(await metrics(), "connected_replicas", "second")).toBe(1);
    }, 60_000);

    it("tells memory that is held and not used", async () => {
      const server = await redis({ config: ["enable-debug-command yes"] });
      const user = await client(server);
      const { metrics } = await stats(entry("main", server.port));
      await user.call("DEBUG", "POPULATE", "60000", "key", "400");
      // The server looks at its resident memory ten times a second.
      const ratio = () =>
        until(async () => {
          const page = await metrics();
          const [resident = 0, used = 1] = [of(page, "memory_resident_bytes"), of(page, "memory_used_bytes")];
          const told = of(page, "memory_fragmentation_ratio") ?? Number.NaN;
          return Math.abs(told - resident / used) < 0.05 * told ? told : undefined;
        });
      await new Promise((resolve) => setTimeout(resolve, 300));
      const before = await ratio();
      await user.eval("for n = 0, 59999 do if n % 8 ~= 0 then redis.call('DEL', 'key:' .. n) end end", 0);
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(await ratio()).toBeGreaterThan(1.5 * before);
    }, 30_000);

    it("tells that a snapshot and a rewrite of the append-only file fail, and that they succeed again", async () => {
      const data = join(folder, "data");
      mkdirSync(data);
      const server = await redis({ config: [`dir ${data}`, "appendonly yes", "enable-protected-configs yes"] });
      const user = await client(server);
      await user.set("key", "value");
      const { metrics } = await stats(entry("main", server.port));
      const state = async () => {
        const page = await metrics();
        return ["rdb_last_save_success", "aof_last_rewrite_success", "aof_last_write_success"].map((name) =>
          of(page, name),
        );
      };
      await until(async () => (of(await metrics(), "aof_size_bytes") ?? 0) > 20);
      expect(of(await metrics(), "aof_enabled")).toBe(1);
      expect(await state()).toEqual([1, 1, 1]);
      const saved = of(await metrics(), "rdb_last_save_timestamp_seconds") ?? Number.NaN;
      // Nobody can write there any more, not even root.
      rmSync(data, { recursive: true });
      await user.bgsave();
      await expect.poll(state, { timeout: 10_000 }).toEqual([0, 1, 1]);
      expect(of(await metrics(), "rdb_changes_since_save")).toBe(1);
      expect(of(await metrics(), "rdb_last_save_timestamp_seconds")).toBe(saved);
      await user.call("BGREWRITEAOF").catch(() => undefined);
      await expect.poll(state, { timeout: 10_000 }).toEqual([0, 0, 1]);
      mkdirSync(join(data, "appendonlydir"), { recursive: true });
      await user.config("SET", "dir", data);
      await user.bgsave();
      await expect.poll(state, { timeout: 10_000 }).toEqual([1, 0, 1]);
      expect(of(await metrics(), "rdb_changes_since_save")).toBe(0);
      await until(async () => of(await metrics(), "rdb_save_in_progress") === 0);
      await user.call("BGREWRITEAOF");
      await expect.poll(state, { timeout: 10_000 }).toEqual([1, 1, 1]);
    }, 60_000);

    it("tells that the append-only file cannot be written because the disk is full", async () => {
      const log = join(folder, "appendonlydir");
      mkdirSync(log);
      writeFileSync(join(log, "appendonly.aof.manifest"), "file appendonly.aof.1.incr.aof seq 1 type i\n");
      symlinkSync("/dev/full", join(log, "appendonly.aof.1.incr.aof"));
      const server = await redis({ config: [`dir ${folder}`, "appendonly yes"] });
      const user = await client(server);
      const { metrics } = await stats(entry("main", server.port));
      expect(of(await metrics(), "aof_last_write_success")).toBe(1);
      await user.set("key", "value").catch(() => undefined);
      await until(async () => of(await metrics(), "aof_last_write_success") === 0);
      const page = await metrics();
      expect([of(page, "up"), of(page, "aof_enabled"), failing(page)]).toEqual([1, 1, []]);
    });

    it("names in metric and log each command that a user with INFO alone may not give", async () => {
      const server = await redis({ acl: [`user stats on >${password} -@all +info`] });
      const { metrics, lines } = await stats(entry("main", server.port));
      const page = await metrics();
      await metrics();
      expect(failing(page)).toEqual([]);
      const told = lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg.startsWith("the user may not give"));
      expect(told.map(({ target, grant }) => [target, grant])).toEqual([
        ["main", "slowlog"],
        ["main", "latency"],
      ]);
      // All but what those two commands alone tell.
      const without = (names: ReadonlySet<string>) => [...names].filter((name) => name.startsWith("redis_")).toSorted();
      const admin = await client(server);
      await admin.call("ACL", "SETUSER", "stats", ...rights.split(" "));
      const whole = await metrics();
      expect(without(whole.names).filter((name) => !page.names.has(name))).toEqual(["redis_slowlog_entries"]);
      for (const command of ["slowlog", "latency"])
        expect(whole.value(`redis_permission_missing{database="main",command="${command}"}`)).toBe(0);
    });
  },
);
