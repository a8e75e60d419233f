import { readFileSync } from "node:fs";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { createServer as createHttp } from "node:http";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { selfSigned } from "../../tools/certificate.ts";
import { type Child, startChild } from "../support/children.ts";
import { freePort, until } from "../support/ports.ts";
import { postgresMissing, startPostgres } from "../support/postgres.ts";
import { redisMissing, startRedis } from "../support/redis.ts";
import { type Shown, shown } from "./scraped.ts";

const entry = fileURLToPath(new URL("../../exporters/main.ts", import.meta.url));
const command = fileURLToPath(new URL("../../tools/commands/exporter.ts", import.meta.url));
const residentLimit = 130 * 2 ** 20;

let folder: string;
let configFile: string;
const children: Child[] = [];
const cleanups: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vitals-exporter-main-"));
  configFile = join(folder, "config.json");
});

afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.end()));
  await Promise.all(cleanups.splice(0).map((cleanup) => cleanup()));
  await rm(folder, { recursive: true, force: true });
});

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}, file = entry): Child {
  const child = startChild(process.execPath, [file, ...args], { env: { ...process.env, ...env } });
  children.push(child);
  return child;
}

const configure = async (config: unknown): Promise<void> => {
  await writeFile(`${configFile}.new`, typeof config === "string" ? config : JSON.stringify(config));
  await rename(`${configFile}.new`, configFile);
};

const portOf = (child: Child): Promise<number> =>
  until(() => {
    if (!child.alive()) throw new Error(`the exporter has ended:\n${child.output()}`);
    return Number(/"msg":"listening","port":(\d+)/.exec(child.output())?.[1]);
  }, 20_000);

const scrape = async (port: number): Promise<Shown> =>
  shown(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());

const residentBytes = ({ pid }: Child): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1_024;

const missing = redisMissing() ?? postgresMissing();

describe("the entry of the exporters", () => {
  it("names the exporters that there are when it is given another name, and ends with 2", async () => {
    const child = start(["nope", "--config", configFile]);
    expect(await child.ended).toBe(2);
    expect(child.output()).toBe(
      "exporter nope: is not an exporter that exists\n  -> Give one of: integration-health, db-stats. Usage: node exporters/main.ts NAME --config FILE [--host 127.0.0.1] [--port 0] [--traces URL]\n",
    );
  });

  it("tells all problems of a configuration at once, without its values, and ends with 2", async () => {
    await configure({
      databases: [
        { id: "Main", kind: "postgres", address: "CANARY", user: "u" },
        // What else may be wrong with it only its kind would tell.
        { id: "other", kind: "mysql", address: "h:1", user: "u" },
        { id: "a", kind: "redis", address: "h:1", user: "u", password: "CANARY" },
        { id: "a", kind: "redis", address: "h:1", user: "u" },
      ],
    });
    const child = start(["db-stats", "--config", configFile]);
    expect(await child.ended).toBe(2);
    for (const place of ["databases[0].id", "databases[0].address", "databases[1].kind", "databases[2].password"])
      expect(child.output()).toContain(`${configFile}: ${place}: `);
    expect(child.output()).not.toContain("CANARY");
    expect(child.output()).not.toMatch(/\n {4}at /);
  });

  it.each([
    ["a file that is not there", undefined, /cannot be read \(ENOENT\)/],
    ["a file that is not JSON", "{", /is not JSON/],
    [
      "two integrations of one name",
      { integrations: [1, 2].map(() => ({ name: "a", probe: "tcp", address: "h:1" })) },
      /taken/,
    ],
    [
      "an interval of no time",
      { integrations: [{ name: "a", probe: "tcp", address: "h:1", interval: "0s" }] },
      /from 1s to 1d/,
    ],
  ])("refuses %s with a remedy", async (_what, config, words) => {
    if (config !== undefined) await configure(config);
    const child = start(["integration-health", "--config", configFile]);
    expect(await child.ended).toBe(2);
    expect(child.output()).toMatch(words);
    expect(child.output()).toContain("\n  -> ");
  });

  it("names a port that is in use", async () => {
    await configure({ integrations: [] });
    const first = start(["integration-health", "--config", configFile]);
    const port = await portOf(first);
    const second = start(["integration-health", "--config", configFile, "--port", String(port)]);
    expect(await second.ended).toBe(2);
    expect(second.output()).toContain(`127.0.0.1:${port}: is in use`);
  });

  it("probes over TLS that it trusts, takes up a new configuration within 5 s, stays small, and ends on SIGTERM with 0", async () => {
    const certificate = selfSigned("localhost", new Date(Date.now() - 86_400_000), new Date(Date.now() + 86_400_000));
    const trusted = join(folder, "ca.pem");
    await writeFile(trusted, certificate.cert);
    const server = createServer(certificate, (_, response) => response.end("fine"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => new Promise((resolve) => server.close(resolve)));
    const { port: target } = server.address() as { port: number };
    const integrations = Array.from({ length: 10 }, (_, index) => ({
      name: `vendor-${index}`,
      probe: "http",
      url: `https://localhost:${target}/`,
      interval: "1s",
      allow: ["loopback"],
    }));
    await configure({ integrations });
    // Whoever takes the traces is away: they are given up, and neither the probes nor the end wait for that.
    const traces = ["--traces", `http://127.0.0.1:${await freePort()}`];
    const child = start(["integration-health", "--config", configFile, ...traces], { NODE_EXTRA_CA_CERTS: trusted });
    const port = await portOf(child);
    const page = await until(async () => {
      const now = await scrape(port);
      return now.value('integration_up{integration="vendor-9"}') === 1 ? now : undefined;
    }, 20_000);
    expect(page.value('integration_probe_duration_seconds_sum{integration="vendor-9",phase="tls"}')).toBeGreaterThan(0);
    expect(page.value('integration_certificate_expiry_timestamp_seconds{integration="vendor-9"}')).toBeGreaterThan(
      Date.now() / 1_000,
    );

    const began = performance.now();
    await configure({ integrations: [...integrations, { name: "late", probe: "tcp", address: "127.0.0.1:1" }] });
    await until(async () => (await scrape(port)).value("exporter_targets") === 11, 3 * 5_000);
    console.log(`configuration taken up after ${Math.round(performance.now() - began)} ms (promise: 5 s)`);

    for (let turn = 0; turn < 100; turn++) await scrape(port);
    console.log(`integration-health resident: ${Math.round(residentBytes(child) / 2 ** 20)} MB (limit 130)`);
    expect(residentBytes(child)).toBeLessThan(residentLimit);
    expect(await child.end("SIGTERM")).toBe(0);
    expect(child.output()).toContain('"msg":"stopped"');
    expect(child.output()).not.toContain("Warning");
  }, 60_000);

  it("lets probes under way end on SIGTERM, cuts those short that hang, and has forgotten nothing when it is back", async () => {
    const asked = { slow: 0, hanging: 0 };
    let answered = false;
    const server = createHttp(({ url }, response) => {
      if (url === "/hanging") return void asked.hanging++;
      if (++asked.slow > 1) return;
      setTimeout(() => response.end("fine", () => (answered = true)), 1_000);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanups.push(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    const { port: target } = server.address() as { port: number };
    const tokenFile = join(folder, "token");
    await writeFile(tokenFile, "right");
    const integrations = ["slow", "hanging"].map((name) => ({
      name,
      probe: "http",
      url: `http://127.0.0.1:${target}/${name}`,
      timeout: "60s",
      interval: "1h",
      allow: ["loopback"],
    }));
    await configure({ integrations, data: folder, access: { tokenFile } });
    const first = start(["integration-health", "--config", configFile]);
    await portOf(first);
    await until(() => asked.slow === 1 && asked.hanging === 1, 20_000);
    const began = performance.now();
    expect(answered).toBe(false);
    expect(await first.end("SIGTERM")).toBe(0);
    const took = performance.now() - began;
    console.log(`ended after ${(took / 1_000).toFixed(1)} s with probes under way, one of them hanging (promise: 5 s)`);
    expect(took).toBeLessThan(3 * 5_000);
    expect(answered).toBe(true);

    const again = start(["integration-health", "--config", configFile]);
    const port = await portOf(again);
    const told = async (name: string) => {
      const headers = { authorization: "Bearer right" };
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/health/${name}`, { headers });
      return (await answer.json()) as { readonly history: readonly { readonly attempts: number }[] };
    };
    expect((await told("slow")).history).toMatchObject([
      { attempts: 1, failures: 0, responseTime: expect.any(Number) },
    ]);
    // What was cut short says nothing.
    expect((await told("hanging")).history).toEqual([]);
    again.end("SIGKILL");
  }, 60_000);

  it.skipIf(missing !== undefined)(
    `reads databases within its memory limit${missing === undefined ? "" : ` (${missing})`}`,
    async () => {
      const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
      cleanups.push(postgres.stop, redis.stop);
      const passwordFile = join(folder, "password");
      await writeFile(passwordFile, `${postgres.password}\n`, { mode: 0o600 });
      await configure({
        databases: [
          { id: "main", kind: "postgres", address: `127.0.0.1:${postgres.port}`, user: postgres.user, passwordFile },
          { id: "cache", kind: "redis", address: `127.0.0.1:${redis.port}`, user: "default" },
        ],
      });
      const child = start(["db-stats", "--config", configFile]);
      const port = await portOf(child);
      for (let turn = 0; turn < 100; turn++) await scrape(port);
      const page = await scrape(port);
      expect([page.value('pg_up{database="main"}'), page.value('redis_up{database="cache"}')]).toEqual([1, 1]);
      console.log(`db-stats resident: ${Math.round(residentBytes(child) / 2 ** 20)} MB (limit 130)`);
      expect(residentBytes(child)).toBeLessThan(residentLimit);
    },
    60_000,
  );
});

describe("npm run exporter", () => {
  it("prints its help", async () => {
    const child = start(["--help"], {}, command);
    expect(await child.ended).toBe(0);
    expect(child.output()).toContain("npm run exporter -- NAME --config FILE");
  });

  it("runs one exporter on the given port and passes its end on", async () => {
    await configure({ integrations: [] });
    const port = await freePort();
    const child = start(["integration-health", "--config", configFile, "--port", String(port)], {}, command);
    expect(await portOf(child)).toBe(port);
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    expect(await child.end("SIGTERM")).toBe(0);
    await expect(fetch(`http://127.0.0.1:${port}/readyz`)).rejects.toThrow();
  });
});
