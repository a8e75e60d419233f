// What an operator does reaches the caches of all processes, with the rights of the platform's own cache user.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { redisUser, redisUserRights } from "../../components/services/redis.ts";
import { operate } from "../../tools/cache-operations.ts";
import { selfSigned } from "../../tools/certificate.ts";
import { freePort } from "../support/ports.ts";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.ts";
import { cacheOn, closeCaches, policies } from "./support.ts";

const missing = redisMissing();
const password = "CANARY-cache-password";

describe.skipIf(missing !== undefined)(`an operator${missing === undefined ? "" : ` (${missing})`}`, () => {
  let server: TestRedis;
  const folder = mkdtempSync(join(tmpdir(), "vitals-cache-operator-"));
  const passwordFile = join(folder, "password");
  beforeAll(async () => {
    writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
    server = await startRedis({ acl: [`user ${redisUser} on >${password} ${redisUserRights}`, "user default off"] });
  });
  afterEach(closeCaches);
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await server.stop();
  });

  it("flushes, switches off and switches on every cache of every namespace", async () => {
    const redis = { host: "127.0.0.1", port: server.port, username: redisUser, password };
    const where = { address: `127.0.0.1:${server.port}`, user: redisUser, passwordFile };
    const caches = [
      await cacheOn({ redis, namespace: "clinical", policies }),
      await cacheOn({ redis, namespace: "clinical", policies }),
      await cacheOn({ redis, namespace: "business", policies }),
    ];
    let loads = 0;
    const read = () => Promise.all(caches.map((cache) => cache.wrap("patient", 1, async () => ++loads)));
    const loadsOf = async (): Promise<number> => {
      const before = loads;
      await read();
      return loads - before;
    };
    expect(await loadsOf()).toBe(2);
    expect(await loadsOf()).toBe(0);
    const done = [
      { namespace: "business", complete: true },
      { namespace: "clinical", complete: true },
    ];
    expect(await operate("flush-all", where)).toEqual(done);
    expect(await loadsOf()).toBe(2);
    expect(await operate("disable-fallback", where)).toEqual(done);
    expect(await loadsOf()).toBe(3);
    expect(await loadsOf()).toBe(3);
    const late = await cacheOn({ redis, namespace: "clinical", policies });
    expect([...caches, late].map((cache) => cache.stats().off)).toEqual([true, true, true, true]);
    expect(await operate("enable", { ...where, namespace: "clinical" })).toEqual([done[1]]);
    expect([...caches, late].map((cache) => cache.stats().off)).toEqual([false, false, true, false]);
    await loadsOf();
    expect(await loadsOf()).toBe(1);
    expect(await operate("enable", where)).toEqual(done);
    await loadsOf();
    expect(await loadsOf()).toBe(0);
  });

  it("is not held up by keys of others that look like a cache's", async () => {
    const where = { address: `127.0.0.1:${server.port}`, user: redisUser, passwordFile };
    const other = new Redis({ host: "127.0.0.1", port: server.port, username: redisUser, password });
    await other.set("some.other:{thing}:m", "x");
    const done = await operate("flush-all", where);
    await other.del("some.other:{thing}:m");
    other.disconnect();
    expect(done).toEqual([
      { namespace: "business", complete: true },
      { namespace: "clinical", complete: true },
    ]);
  });

  it("reaches the caches of a server that takes TLS alone", async () => {
    const { key, cert } = selfSigned("localhost", new Date(Date.now() - 60_000), new Date(Date.now() + 3_600_000));
    const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    writeFileSync(keyFile, key, { mode: 0o600 });
    writeFileSync(certFile, cert);
    const port = await freePort();
    const files = [`tls-cert-file ${certFile}`, `tls-key-file ${keyFile}`, `tls-ca-cert-file ${certFile}`];
    const secure = await startRedis({ config: [`tls-port ${port}`, "tls-auth-clients no", ...files] });
    const before = getCACertificates("default");
    setDefaultCACertificates([...before, cert]);
    try {
      const cache = await cacheOn({ redis: { host: "localhost", port, tls: {} }, namespace: "secure", policies });
      await cache.set("patient", 1, "kept");
      const done = await operate("flush-all", { address: `localhost:${port}`, tls: true });
      expect(done).toEqual([{ namespace: "secure", complete: true }]);
      expect(await cache.get("patient", 1)).toBeUndefined();
    } finally {
      setDefaultCACertificates(before);
      await secure.stop();
    }
  });

  it("is told when the caches cannot be reached", async () => {
    await expect(operate("flush-all", { address: `127.0.0.1:${server.port}` })).rejects.toThrow(
      /the caches cannot be reached .*\n {2}-> Check --redis, --user and --password-file\./,
    );
  });
});
