// db-stats on the kinds of Redis that there are: with commands and spikes to tell of, with a replica, as a cluster of three.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { dbStats } from "../../exporters/db-stats/index.ts";
import { type Info, parseInfo } from "../../exporters/db-stats/redis/connection.ts";
import { redisCollectors } from "../../exporters/db-stats/redis/index.ts";
import { run } from "../../tools/exec.ts";
import { resolveTool } from "../../tools/resolve.ts";
import { freePort, until } from "../support/ports.ts";
import { type RedisOptions, redisMissing, startRedis, type TestRedis } from "../support/redis.ts";
import { runExporter, type Scraped, type Shown } from "./scraped.ts";

const password = "CANARY-redis-password";
const acl = [
  `user stats on >${password} resetkeys resetchannels -@all +ping +info +slowlog|len +latency|latest +cluster|info +cluster|nodes`,
];
const missing = redisMissing();

let folder: string;
let exporter: Scraped | undefined;
const cleanups: (() => Promise<unknown> | unknown)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vitals-redis-kinds-"));
  await writeFile(join(folder, "password"), password, { mode: 0o600 });
});

afterEach(async () => {
  await exporter?.close();
  for (const cleanup of cleanups.splice(0)) await cleanup();
  await rm(folder, { recursive: true, force: true });
});

async function redis(options: RedisOptions = {}): Promise<TestRedis> {
  const server = await startRedis({ acl, ...options });
  cleanups.push(() => server.stop());
  return server;
}

function client(port: number): Redis {
  const made = new Redis(port, "127.0.0.1");
  cleanups.push(() => made.disconnect());
  return made;
}

async function stats(ports: Readonly<Record<string, number>>): Promise<Scraped> {
  const passwordFile = join(folder, "password");
  const databases = Object.entries(ports).map(([id, port]) => ({
    id,
    kind: "redis",
    address: `127.0.0.1:${port}`,
    user: "stats",
    passwordFile,
    compat: true,
  }));
  exporter = await runExporter(dbStats, { databases });
  return exporter;
}

const of = (page: Shown, name: string, labels = "", id = "main"): number =>
  page.value(`redis_${name}{database="${id}"${labels}}`) ?? Number.NaN;

function expectAllWorking(page: Shown, ids: readonly string[]): void {
  for (const id of ids)
    for (const { name } of redisCollectors)
      expect([id, name, page.value(`collector_success{collector="${name}",target="${id}"}`)]).toEqual([id, name, 1]);
  expect(page.value("exporter_samples_refused_total")).toBe(0);
}

/** Fields of INFO that never fall while the test looks. */
const fields = {
  uptime_seconds: "uptime_in_seconds",
  memory_max_bytes: "maxmemory",
  memory_peak_bytes: "used_memory_peak",
  keyspace_hits_total: "keyspace_hits",
  keyspace_misses_total: "keyspace_misses",
  evicted_keys_total: "evicted_keys",
  expired_keys_total: "expired_keys",
  clients_limit: "maxclients",
  connections_received_total: "total_connections_received",
  connections_rejected_total: "rejected_connections",
  commands_processed_total: "total_commands_processed",
  error_replies_total: "total_error_replies",
  network_received_bytes_total: "total_net_input_bytes",
  network_sent_bytes_total: "total_net_output_bytes",
  replication_offset_bytes: "master_repl_offset",
  connected_replicas: "connected_slaves",
  rdb_last_save_timestamp_seconds: "rdb_last_save_time",
  rdb_changes_since_save: "rdb_changes_since_last_save",
  aof_enabled: "aof_enabled",
  aof_size_bytes: "aof_current_size",
};
/** Those that go up and down a little. */
const swinging = {
  memory_used_bytes: "used_memory",
  memory_resident_bytes: "used_memory_rss",
  memory_dataset_bytes: "used_memory_dataset",
  memory_fragmentation_ratio: "mem_fragmentation_ratio",
};
/** Tests of their own force these. */
const forced = [
  "up primary loading memory_refuses_when_full keys database_keys database_expiring_keys permission_missing",
  "connected_clients blocked_clients slowlog_entries",
  "command_calls_total command_seconds_total command_rejected_total command_failures_total command_latency_seconds",
  "latency_event_seconds latency_event_max_seconds latency_event_timestamp_seconds",
  "replica_last_contact_seconds replica_link_up replica_lag_bytes replica_lag_seconds",
  "rdb_save_in_progress rdb_last_save_success aof_last_write_success aof_last_rewrite_success",
  "cluster_slots_assigned cluster_slots_ok cluster_slots_suspected cluster_slots_failed cluster_size cluster_epoch",
  "cluster_enabled cluster_ok cluster_nodes",
].flatMap((names) => names.split(" "));

describe.skipIf(missing !== undefined)(
  `db-stats and the kinds of Redis${missing === undefined ? "" : ` (${missing})`}`,
  () => {
    it("counts commands, their time, failures and percentiles, slow ones, and keys by logical database", async () => {
      const server = await redis({ config: ["slowlog-log-slower-than 20000", "latency-monitor-threshold 20"] });
      const user = client(server.port);
      for (let index = 0; index < 5; index++) await user.set(`k${index}`, "v");
      for (let index = 5; index < 9; index++) await user.set(`k${index}`, "v", "EX", 100);
      await user.lpush("list", "x");
      for (let index = 0; index < 3; index++) await user.incr("list").catch(() => undefined);
      await user.call("debug", "sleep", "0.03").catch(() => undefined);
      await user.eval(
        "local t = redis.call('TIME') local d = t[1] * 1000000 + t[2] + 30000 repeat t = redis.call('TIME') until t[1] * 1000000 + t[2] > d return 'CANARY'",
        0,
      );
      const { metrics } = await stats({ main: server.port });
      const page = await metrics();
      expectAllWorking(page, ["main"]);
      expect(of(page, "command_calls_total", ',command="set"')).toBe(9);
      expect(of(page, "command_calls_total", ',command="incr"')).toBe(3);
      expect(of(page, "command_failures_total", ',command="incr"')).toBe(3);
      expect(of(page, "command_seconds_total", ',command="eval"')).toBeGreaterThan(0.03);
      expect(of(page, "command_latency_seconds", ',command="eval",percentile="99"')).toBeGreaterThan(0.03);
      expect(of(page, "command_latency_seconds", ',command="eval",percentile="99"')).toBeLessThan(1);
      expect(of(page, "command_latency_seconds", ',command="set",percentile="50"')).toBeLessThan(0.01);
      expect(of(page, "commands_total", ',cmd="set"')).toBe(9);
      expect(of(page, "latency_percentiles_usec", ',cmd="eval",quantile="99"')).toBeGreaterThan(30_000);
      expect(of(page, "instance_info", ',role="master"')).toBe(1);
      // The script is in it; on a busy machine others may be, too.
      expect(of(page, "slowlog_entries")).toBeGreaterThanOrEqual(1);
      expect(of(page, "slowlog_entries")).toBeLessThanOrEqual((await user.call("SLOWLOG", "LEN")) as number);
      expect(of(page, "latency_event_max_seconds", ',event="command"')).toBeGreaterThanOrEqual(0.03);
      expect(of(page, "database_keys", ',db="db0"')).toBe(10);
      expect(of(page, "database_expiring_keys", ',db="db0"')).toBe(4);
      expect(of(page, "primary")).toBe(1);
      expect(of(page, "rdb_last_save_success")).toBe(1);
      expect(of(page, "aof_enabled")).toBe(0);
      expect(page.body).not.toContain("CANARY");
    });

    it("says of each figure what the server itself says", async () => {
      const server = await redis({ config: ["maxmemory 256mb", "maxclients 50", "appendonly yes"] });
      const replica = await redis({ config: [`replicaof 127.0.0.1 ${server.port}`, "repl-diskless-sync-delay 0"] });
      const user = client(server.port);
      const keys = Array.from({ length: 3_000 }, (_, index) => `k${index}`);
      await user.mset(Object.fromEntries(keys.map((key) => [key, "x".repeat(5_000)])));
      for (let index = 0; index < 7; index++) await user.get("k1");
      for (let index = 0; index < 5; index++) await user.get("none");
      for (let index = 0; index < 4; index++) await user.call("nonsense").catch(() => undefined);
      for (let index = 0; index < 3; index++) await user.set(`short${index}`, "x", "PX", 1);
      // What was held for a moment is in the peak.
      await user.del(keys.slice(1_000));
      const { metrics } = await stats({ main: server.port, second: replica.port });
      await until(async () => of(await metrics(), "replica_link_up", "", "second") === 1, 20_000);
      const said = async (): Promise<Info> => parseInfo(await user.info("everything"));
      const [before, page, after] = [await said(), await metrics(), await said()];
      for (const [name, field] of Object.entries(fields)) {
        const [least, value, most] = [Number(before.get(field)), of(page, name), Number(after.get(field))];
        expect({ name, least, value, most, within: least <= value && value <= most }).toMatchObject({ within: true });
      }
      for (const [name, field] of Object.entries(swinging)) {
        const ratio = of(page, name) / Number(before.get(field));
        expect({ name, ratio, near: ratio > 0.9 && ratio < 1.1 }).toMatchObject({ near: true });
      }
      const told = new Set([...Object.keys({ ...fields, ...swinging }), ...forced].map((name) => `redis_${name}`));
      expect(redisCollectors.flatMap(({ emits }) => emits).filter((each) => !told.has(each))).toEqual([]);
    }, 30_000);

    it("says which commands the user may not give, and tells all the rest", async () => {
      const server = await redis({ acl: [`user stats on >${password} -@all +info`] });
      const { metrics } = await stats({ main: server.port });
      const page = await metrics();
      expectAllWorking(page, ["main"]);
      expect(of(page, "permission_missing", ',command="slowlog"')).toBe(1);
      expect(of(page, "permission_missing", ',command="latency"')).toBe(1);
      expect(page.names).not.toContain("redis_slowlog_entries");
    });

    it("tells a replica from its primary, and when it has lost it", async () => {
      const primary = await redis({ config: ["repl-diskless-sync-delay 0"] });
      const replica = await redis({ config: [`replicaof 127.0.0.1 ${primary.port}`] });
      const { metrics } = await stats({ first: primary.port, second: replica.port });
      const page = await until(async () => {
        const now = await metrics();
        return of(now, "replica_link_up", "", "second") === 1 && of(now, "replica_lag_bytes", "", "first") === 0
          ? now
          : undefined;
      }, 20_000);
      expectAllWorking(page, ["first", "second"]);
      expect(of(page, "primary", "", "first")).toBe(1);
      expect(of(page, "primary", "", "second")).toBe(0);
      expect(of(page, "connected_replicas", "", "first")).toBe(1);
      expect(of(page, "replica_lag_seconds", "", "first")).toBeLessThan(10);
      expect(page.value('redis_replica_lag_seconds{database="second"}')).toBeUndefined();
      expect(of(page, "instance_info", ',role="slave"', "second")).toBe(1);
      await primary.stop("SIGKILL");
      await until(async () => of(await metrics(), "replica_link_up", "", "second") === 0, 20_000);
    });

    it("tells slots and nodes of a cluster, and that a node has failed", async () => {
      const config = ["cluster-enabled yes", "cluster-node-timeout 1000"];
      // A node's bus has the port 10000 above its own.
      const ports: number[] = [];
      while (ports.length < 3) {
        const port = await freePort();
        if (port <= 55_535 && !ports.includes(port)) ports.push(port);
      }
      const nodes = await Promise.all(ports.map((port) => redis({ config, port })));
      const made = await run(
        resolveTool("redis-cli").path,
        ["--cluster", "create", ...nodes.map(({ port }) => `127.0.0.1:${port}`), "--cluster-yes"],
        { timeoutMs: 30_000 },
      );
      expect([made.code, made.stdout.slice(-200)]).toEqual([0, expect.stringContaining("16384 slots covered")]);
      const { metrics } = await stats(Object.fromEntries(nodes.map(({ port }, index) => [`node-${index}`, port])));
      const page = await until(async () => {
        const now = await metrics();
        // Each learns of the others' slots at a time of its own.
        return nodes.every((_, index) => of(now, "cluster_size", "", `node-${index}`) === 3) &&
          of(now, "cluster_ok", "", "node-0") === 1
          ? now
          : undefined;
      }, 20_000);
      expectAllWorking(page, ["node-0", "node-1", "node-2"]);
      expect(of(page, "cluster_slots_assigned", "", "node-0")).toBe(16_384);
      expect(of(page, "cluster_nodes", ',role="primary",state="ok"', "node-0")).toBe(3);
      expect(page.body).not.toContain("127.0.0.1");
      await nodes[2]?.stop("SIGKILL");
      const broken = await until(async () => {
        const now = await metrics();
        return of(now, "cluster_ok", "", "node-0") === 0 ? now : undefined;
      }, 20_000);
      expect(of(broken, "cluster_nodes", ',role="primary",state="failed"', "node-0")).toBe(1);
      expect(of(broken, "cluster_slots_failed", "", "node-0")).toBeGreaterThan(5_000);
      expect(of(broken, "up", "", "node-2")).toBe(0);
    }, 60_000);
  },
);
