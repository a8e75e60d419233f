import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { dbStats } from "../../exporters/db-stats/index.ts";
import { fromFields, parseInfo } from "../../exporters/db-stats/redis/connection.ts";
import { redisCollectors } from "../../exporters/db-stats/redis/index.ts";
import { selfSigned } from "../../tools/certificate.ts";
import { freePort, until } from "../support/ports.ts";
import { type RedisOptions, redisMissing, startRedis, type TestRedis } from "../support/redis.ts";
import { inTime, runExporter, type Scraped } from "./scraped.ts";

const password = "CANARY-redis-password";
const acl = (secret: string): readonly string[] => [`user stats on >${secret} +info`];

let folder: string;
let passwordFile: string;
let exporter: Scraped | undefined;
const cleanups: (() => Promise<unknown> | unknown)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vitals-redis-stats-"));
  passwordFile = join(folder, "password");
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
});

afterEach(async () => {
  await exporter?.close();
  exporter = undefined;
  for (const cleanup of cleanups.splice(0)) await cleanup();
  await rm(folder, { recursive: true, force: true });
});

async function redis(options: RedisOptions = { acl: acl(password) }): Promise<TestRedis> {
  const server = await startRedis(options);
  cleanups.push(() => server.stop());
  return server;
}

const own = (port: number) => ({
  id: "cache",
  kind: "redis",
  address: `127.0.0.1:${port}`,
  user: "stats",
  passwordFile,
});

async function stats(port: number, ...more: readonly object[]): Promise<Scraped> {
  exporter = await runExporter(dbStats, { databases: [own(port), ...more] });
  return exporter;
}

/** A new certificate and its key, in files. */
async function certificate(name: string): Promise<Readonly<Record<"cert" | "certFile" | "keyFile", string>>> {
  const { cert, key } = selfSigned(name, new Date(Date.now() - 60_000), new Date(Date.now() + 3_600_000));
  const [certFile, keyFile] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  await writeFile(certFile, cert);
  await writeFile(keyFile, key, { mode: 0o600 });
  return { cert, certFile, keyFile };
}

const missing = redisMissing();

describe.skipIf(missing !== undefined)(
  `db-stats on a real Redis${missing === undefined ? "" : ` (${missing})`}`,
  () => {
    it("reports what was done to the server, exactly", async () => {
      const server = await redis({ acl: acl(password), config: ["maxmemory 64mb", "maxclients 77"] });
      const client = new Redis(server.port, "127.0.0.1");
      cleanups.push(() => client.disconnect());
      for (let index = 0; index < 12; index++) await client.set(`key-${index}`, "value");
      await client.select(3);
      await client.set("elsewhere", "x");
      await client.select(0);
      for (let index = 0; index < 7; index++) await client.get("key-1");
      for (let index = 0; index < 5; index++) await client.get("CANARY-no-such-key");
      await client.set("short", "x", "PX", 1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      await client.exists("short");

      const { metrics } = await stats(server.port);
      const page = await metrics();
      const value = (name: string) => page.value(`redis_${name}{database="cache"}`);
      expect(value("up")).toBe(1);
      expect(value("keys")).toBe(13);
      expect(value("keyspace_hits_total")).toBe(7);
      expect(value("keyspace_misses_total")).toBe(6);
      expect(value("expired_keys_total")).toBe(1);
      expect(value("evicted_keys_total")).toBe(0);
      expect(value("memory_max_bytes")).toBe(64 * 2 ** 20);
      expect(value("memory_used_bytes")).toBeGreaterThan(500_000);
      expect(value("clients_limit")).toBe(77);
      expect(value("connected_clients")).toBe(2);
      expect(value("blocked_clients")).toBe(0);
      expect(value("uptime_seconds")).toBeGreaterThanOrEqual(0);
      const before = value("commands_processed_total") ?? Number.NaN;
      // One INFO for all collectors together.
      expect((await metrics()).value('redis_commands_processed_total{database="cache"}')).toBe(before + 1);
    });

    it("counts who waits, and the keys that made room for others", async () => {
      const server = await redis({ acl: acl(password), config: ["maxmemory 3mb", "maxmemory-policy allkeys-random"] });
      const client = new Redis(server.port, "127.0.0.1");
      const waiting = new Redis(server.port, "127.0.0.1");
      cleanups.push(
        () => client.disconnect(),
        () => waiting.disconnect(),
      );
      for (let index = 0; index < 400; index++) await client.set(`key-${index}`, "x".repeat(10_000));
      void waiting.blpop("nothing", 0).catch(() => undefined);
      const { metrics } = await stats(server.port);
      await expect.poll(async () => (await metrics()).value('redis_blocked_clients{database="cache"}')).toBe(1);
      const page = await metrics();
      const left = await client.dbsize();
      expect(left).toBeLessThan(400);
      expect(page.value('redis_evicted_keys_total{database="cache"}')).toBe(400 - left);
      expect(page.value('redis_keys{database="cache"}')).toBe(left);
      expect(page.value('redis_memory_refuses_when_full{database="cache"}')).toBe(0);
    });

    it("reads a server over TLS, whose certificate has to be one that is trusted, and shows its own where one is demanded", async () => {
      const [{ cert, certFile, keyFile }, own, other] = await Promise.all([
        certificate("localhost"),
        certificate("stats"),
        certificate("other"),
      ]);
      const port = await freePort();
      await redis({
        acl: acl(password),
        config: [
          `tls-port ${port}`,
          `tls-cert-file ${certFile}`,
          `tls-key-file ${keyFile}`,
          `tls-ca-cert-file ${own.certFile}`,
        ],
      });
      const entry = { id: "cache", kind: "redis", address: `localhost:${port}`, user: "stats", passwordFile };
      exporter = await runExporter(dbStats, {
        databases: [
          { ...entry, tls: { certFile: own.certFile, keyFile: own.keyFile } },
          { ...entry, id: "other", tls: { certFile: other.certFile, keyFile: other.keyFile } },
          { ...entry, id: "none", tls: true },
          { ...entry, id: "of-a-third", tls: { serverName: "elsewhere" } },
          { ...entry, id: "of-an-ip", tls: { serverName: "127.0.0.9" } },
          { ...entry, id: "plain" },
        ],
      });
      const refused = await exporter.metrics();
      expect(refused.value('redis_up{database="cache"}')).toBe(0);
      expect(refused.value('redis_up{database="plain"}')).toBe(0);
      expect(refused.value('redis_connection_failures_total{database="cache",cause="tls"}')).toBe(1);
      const trusted = getCACertificates("default");
      cleanups.push(() => setDefaultCACertificates(trusted));
      setDefaultCACertificates([...trusted, cert]);
      const up = async () => (await exporter?.metrics())?.value('redis_up{database="cache"}');
      // A refusal is remembered for a moment.
      await expect.poll(up, { timeout: 5_000 }).toBe(1);
      const page = await exporter.metrics();
      for (const database of ["other", "none", "of-a-third", "of-an-ip"])
        expect(page.value(`redis_down_reason{database="${database}",cause="tls"}`)).toBe(1);
    });

    it("shows down while the server is away, with a cause and without old values, and recovers by itself", async () => {
      const server = await redis();
      const { metrics } = await stats(server.port);
      expect((await metrics()).value('redis_up{database="cache"}')).toBe(1);
      await server.stop("SIGKILL");
      await metrics();
      const page = await metrics();
      expect(page.value('redis_up{database="cache"}')).toBe(0);
      expect([...page.names].filter((name) => name.startsWith("redis_")).toSorted()).toEqual([
        "redis_connection_failures_total",
        "redis_down_reason",
        "redis_up",
      ]);
      expect(page.value('redis_connection_failures_total{database="cache",cause="connect"}')).toBeGreaterThan(0);
      await redis({ acl: acl(password), port: server.port });
      await new Promise((resolve) => setTimeout(resolve, 600));
      expect((await metrics()).value('redis_up{database="cache"}')).toBe(1);
    });

    it("reads a rotated password again, and names the cause auth meanwhile", async () => {
      const server = await redis();
      await writeFile(passwordFile, "CANARY-old-password");
      const { metrics } = await stats(server.port);
      const page = await metrics();
      expect(page.value('redis_up{database="cache"}')).toBe(0);
      expect(page.value('redis_connection_failures_total{database="cache",cause="auth"}')).toBe(1);
      expect(page.value('target_failures_total{target="cache",cause="auth"}')).toBe(redisCollectors.length);
      await writeFile(passwordFile, password);
      await new Promise((resolve) => setTimeout(resolve, 600));
      expect((await metrics()).value('redis_up{database="cache"}')).toBe(1);
    });

    it("works for a user that may do nothing but INFO, and names a missing right permission", async () => {
      const server = await redis({ acl: [`user stats on >${password} +ping`] });
      const { metrics } = await stats(server.port);
      const page = await metrics();
      expect(page.value('redis_up{database="cache"}')).toBe(0);
      expect(page.value('target_failures_total{target="cache",cause="permission"}')).toBe(redisCollectors.length - 1);
    });

    it("answers in time while a server accepts and never speaks, and shows the others", async () => {
      const sockets = new Set<Socket>();
      const mute = createServer((socket) => sockets.add(socket));
      await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
      cleanups.push(
        () => new Promise((resolve) => mute.close(resolve)),
        ...[
          () => {
            for (const socket of sockets) socket.destroy();
          },
        ],
      );
      cleanups.reverse();
      const server = await redis();
      const { port } = mute.address() as { port: number };
      const { configure, metrics } = await stats(server.port);
      await metrics();
      await configure({ databases: [own(server.port), { ...own(port), id: "mute" }] });
      const page = await until(async () => {
        const shown = await inTime({ metrics }, 1);
        return shown.names.has("redis_down_reason") ? shown : undefined;
      });
      expect(page.value('redis_up{database="cache"}')).toBe(1);
      expect(page.value('redis_up{database="mute"}')).toBe(0);
      expect(page.value('target_failures_total{target="mute",cause="timeout"}')).toBe(redisCollectors.length);
    });

    it("shows no password, address, user or key anywhere", async () => {
      const server = await redis();
      const gone = {
        id: "gone",
        kind: "redis",
        address: `127.0.0.1:${await freePort()}`,
        user: "CANARY-user",
        passwordFile,
      };
      const lost = { ...gone, id: "lost", address: "canary-host.invalid:6379" };
      const { metrics, lines } = await stats(server.port, gone, lost);
      const page = await metrics();
      expect(page.value('redis_connection_failures_total{database="lost",cause="dns"}')).toBe(1);
      const text = `${page.body}${lines.join("")}`;
      expect(text).not.toMatch(/canary/i);
      expect(text).not.toContain("127.0.0.1");
    });
  },
);

describe("INFO", () => {
  it("is told by metrics of the catalogue only; another does not compile", () => {
    const info = new Map([["used_memory", "7"]]);
    const known = { redis_memory_used_bytes: "used_memory" } as const;
    expect(fromFields(info, known)).toMatchObject([{ value: 7 }]);
    const renamed = { ...known, redis_memory_renamed_bytes: "renamed" } as const;
    // @ts-expect-error the catalogue has no such metric.
    expect(fromFields(info, renamed)).toHaveLength(1);
  });

  it("is read by field, with values that contain colons", () => {
    expect([...parseInfo("# Server\r\nredis_version:7.0.15\r\n\r\nexecutable:/a:b\r\nnonsense\r\n")]).toEqual([
      ["redis_version", "7.0.15"],
      ["executable", "/a:b"],
    ]);
  });
});
