// The Compose file of a whole stack on a real Docker engine: it comes up, is watched, tells alerts, keeps secrets and data, and changes in place.
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { type Sealed, sealedFile } from "../components/platforms/docker/prepare.ts";
import { checkout } from "../components/platforms/images.ts";
import { versions } from "../components/versions.ts";
import { output } from "../tools/exec.ts";
import { compose, composeMissing, type Engine, startEngine } from "./support/docker-engine.ts";
import { buildOwnImage, importImage, nodeImage, publishedImages } from "./support/docker-images.ts";
import { freeOffset } from "./support/offsets.ts";
import { until } from "./support/ports.ts";

interface Container {
  readonly Id: string;
  readonly State: { readonly Status: string; readonly ExitCode: number; readonly Health?: { readonly Status: string } };
  readonly Config: { readonly Labels: Readonly<Record<string, string>> };
}

const missing = composeMissing();
const jobs = ["demo-seed", "prepare"];

describe.skipIf(missing !== undefined)(`the Compose file of a stack on a Docker engine ${missing ?? ""}`, () => {
  let engine: Engine;
  let why: string | undefined;
  let folder = "";
  let offset = 0;

  beforeAll(async () => {
    const started = await startEngine();
    if (typeof started === "string") {
      why = started;
      return;
    }
    engine = started;
    folder = join(engine.folder, "stack");
    offset = await freeOffset();
    const images = { ...publishedImages, [versions.node.image]: nodeImage(process.execPath) };
    for (const [reference, image] of Object.entries(images)) await importImage(engine, reference, image);
    await buildOwnImage(engine);
    await render();
    await run("up", "--detach");
  }, 500_000);
  afterAll(() => engine?.stop(), 60_000);
  beforeEach(({ skip }) => {
    if (why !== undefined) skip(why);
  });

  const run = (...args: readonly string[]) => compose(engine, folder, ...args);

  /** Brings the folder up to date, with these settings beside the usual ones. */
  async function render(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    const all = {
      ...{ platform: "docker", demo: "true", grafana: "off", webLogin: "true", portOffset: String(offset) },
      ...{ scrapeInterval: "2s", alertOverrides: { RedisDown: { for: "1s", keepFiringFor: "1s" } } },
      ...settings,
    };
    const path = join(engine.folder, "settings.yaml");
    const config = Object.entries(all).map(([name, value]) => [`vitals:${name}`, value]);
    writeFileSync(path, stringify({ config: Object.fromEntries(config) }));
    const args = ["--stack", "docker", "--settings", path, "--out", folder];
    await output(process.execPath, ["tools/commands/render.ts", ...args], { cwd: checkout });
  }

  const wordsOf = (text: string) => text.split("\n").filter((word) => word !== "");
  const secretNames = () => readdirSync(join(folder, "secrets"));
  const secretOf = (name: string) => readFileSync(join(folder, "secrets", name), "utf8");
  const volumes = async () => wordsOf(await engine.docker("volume", "ls", "--quiet")).toSorted();

  /** What `of` says of each service's container; every service has one. */
  async function each<T>(of: (container: Container) => T): Promise<Readonly<Record<string, T>>> {
    const ids = wordsOf(await engine.docker("ps", "--all", "--quiet"));
    const all = ids.length === 0 ? "[]" : await engine.docker("inspect", ...ids);
    const found = JSON.parse(all) as readonly Container[];
    return Object.fromEntries(found.map((one) => [one.Config.Labels["vitals.service"] ?? "", of(one)]));
  }
  const identities = () => each(({ Id }) => Id);
  const states = () =>
    each(({ State: { Status, ExitCode, Health } }) => Health?.Status ?? `${Status} with ${ExitCode}`);

  const file = () =>
    parse(readFileSync(join(folder, "compose.yaml"), "utf8")) as Readonly<Record<"services" | "volumes", object>>;

  async function allReady(): Promise<void> {
    const wanted = Object.fromEntries(
      Object.keys(file().services).map((name) => [name, jobs.includes(name) ? "exited with 0" : "healthy"]),
    );
    await until(async () => isDeepStrictEqual(await states(), wanted), 60_000).catch(() => undefined);
    expect(await states()).toEqual(wanted);
  }

  async function prometheus<T>(path: string): Promise<T> {
    const login = Buffer.from(`vitals:${secretOf("prometheusPassword")}`).toString("base64");
    const response = await fetch(`http://127.0.0.1:${9090 + offset}/api/v1/${path}`, {
      headers: { authorization: `Basic ${login}` },
      signal: AbortSignal.timeout(5_000),
    });
    return ((await response.json()) as { readonly data: T }).data;
  }
  const values = async (query: string, time = Date.now() / 1_000) => {
    const { result } = await prometheus<{ readonly result: readonly { readonly value: readonly [number, string] }[] }>(
      `query?query=${encodeURIComponent(query)}&time=${time}`,
    );
    return result.map(({ value }) => value[1]);
  };

  /** Of the messages in the inbox, oldest first. */
  async function titles(): Promise<readonly string[]> {
    const since = new Date(0).toISOString();
    const response = await fetch(`http://127.0.0.1:${4010 + offset}/api/messages?since=${since}`, {
      signal: AbortSignal.timeout(5_000),
    });
    const messages = (await response.json()) as readonly { readonly attachments: readonly { title?: string }[] }[];
    return messages.flatMap(({ attachments }) => attachments.flatMap(({ title }) => title ?? []));
  }
  const told = (title: RegExp) => async () => (await titles()).some((each) => title.test(each));

  it("comes up: every container is healthy, and both jobs have ended well", allReady, 90_000);

  it("has every target of Prometheus up, and both databases answer the exporter", async () => {
    await until(async () => (await values("count(up == 0) or vector(0)")).join() === "0", 30_000);
    const names = await prometheus<readonly string[]>("label/job/values");
    const services = ["alertmanager", "clinical-service", "db-stats", "demo-traffic", "integration-health", "jaeger"];
    expect(names).toEqual(expect.arrayContaining([...services, "prometheus"]));
    expect(await values("up")).toHaveLength(names.length);
    await until(async () => (await values("redis_up == 1 or pg_up == 1")).length === 2, 30_000);
    expect(await told(/RedisDown/)()).toBe(false);
  });

  // Messages take a minute each, of which the tests beside them make use.
  describe("while Redis is down", () => {
    beforeAll(async () => {
      if (why === undefined) await run("stop", "redis");
    });

    it("hands each secret to the user of its service, and to nobody else", async () => {
      const { files } = JSON.parse(readFileSync(join(folder, sealedFile), "utf8")) as Sealed;
      expect(files.length).toBeGreaterThan(10);
      for (const { path, user } of files) {
        const { mode, uid, gid } = statSync(join(folder, path));
        expect([path, mode & 0o777, uid, gid]).toEqual([path, 0o600, user.uid, user.gid]);
      }
      const folderMode = statSync(join(folder, "secrets")).mode & 0o777;
      expect(folderMode).toBe(0o700);
      const { prometheus: id = "" } = await identities();
      const ask = [id, "cat", "/run/vitals/secrets/alertmanagerPassword"];
      expect(await engine.docker("exec", ...ask)).toBe(secretOf("alertmanagerPassword"));
      await expect(engine.docker("exec", "--user", "65531:65531", ...ask)).rejects.toThrow("Permission denied");
    });

    it("tells no secret by any engine's answer or log", async () => {
      const ids = Object.values(await identities());
      const objects = await engine.docker("inspect", ...ids, ...(await volumes()));
      const said = `${objects}${await run("config")}${await run("logs", "--no-color")}`;
      expect(said).toContain("/run/vitals/secrets/");
      const generated = "alertmanager demoClinic demoPostgres demoStats prometheus redis redisStats".split(" ");
      expect(secretNames()).toEqual(expect.arrayContaining(generated.map((name) => `${name}Password`)));
      for (const name of secretNames()) expect([name, said.includes(secretOf(name))]).toEqual([name, false]);
    });

    it("tells so by a message", async () => {
      await until(told(/^\[PAGE\] RedisDown/), 150_000);
      expect(await told(/^\[RESOLVED\] RedisDown/)()).toBe(false);
    }, 160_000);
  });

  describe("once Redis is back", () => {
    beforeAll(async () => {
      if (why === undefined) await run("up", "--detach");
    });

    it("is left as it is by a second `up`", async () => {
      const before = await identities();
      await run("up", "--detach");
      expect(await identities()).toEqual(before);
      await allReady();
    });

    it("takes a changed scrape interval with a signal, in the same container", async () => {
      const before = await identities();
      const interval = async () =>
        /scrape_interval: (\S+)/.exec((await prometheus<{ readonly yaml: string }>("status/config")).yaml)?.[1];
      expect(await interval()).toBe("2s");
      await render({ scrapeInterval: "3s" });
      await run("kill", "-s", "HUP", "prometheus");
      await until(async () => (await interval()) === "3s", 20_000);
      await run("up", "--detach");
      expect(await identities()).toEqual(before);
    });

    it("tells so by another message", () => until(told(/^\[RESOLVED\] RedisDown/), 180_000), 190_000);
  });

  it("puts a new container where a program reads what changed at its start, and nowhere else", async () => {
    const before = await identities();
    await render({ redisMaxMemory: "64MiB" });
    await run("up", "--detach");
    const after = await identities();
    expect(Object.keys(after).filter((name) => after[name] !== before[name])).toEqual(["redis"]);
    await allReady();
  });

  it("keeps its data and its secrets when it goes down, and uses them again", async () => {
    const [messages, at, held] = [await titles(), Date.now() / 1_000, await volumes()];
    const kept = secretNames().map(secretOf);
    expect(held).toEqual(Object.keys(file().volumes).toSorted());
    expect(await values("pg_up", at)).toEqual(["1"]);
    await run("down");
    expect([await identities(), await volumes()]).toEqual([{}, held]);
    await run("up", "--detach");
    await allReady();
    expect((await titles()).slice(0, messages.length)).toEqual(messages);
    expect(await values("pg_up", at)).toEqual(["1"]);
    expect(secretNames().map(secretOf)).toEqual(kept);
  }, 120_000);

  it("loses its data, and nothing but its data, by `down --volumes`", async () => {
    await run("down", "--volumes");
    expect(await volumes()).toEqual([]);
    expect(existsSync(join(folder, "secrets/redisPassword"))).toBe(true);
  });
});
