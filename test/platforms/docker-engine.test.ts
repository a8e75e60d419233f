// A stack on a real Docker engine through the real Pulumi engine, with a provider of ours in place of the Docker plugin.
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { labelOf } from "../../components/platforms/docker/container.ts";
import { dockerJob } from "../../components/platforms/provider/docker-job.ts";
import { type Checkout, freshCheckout, type Settings } from "../support/checkout.ts";
import { type Engine, engineMissing, startEngine } from "../support/docker-engine.ts";
import { importImage, publishedImages } from "../support/docker-images.ts";
import { ownImage } from "../support/own-image.ts";
import { until } from "../support/ports.ts";
import { notHere, objects, type StoodIn, standingIn } from "../support/stand-in.ts";

const missing = engineMissing() ?? notHere;
const project = "vitals-docker";
const own = "vitals:test";

interface Inspected {
  readonly Id: string;
  readonly Name: string;
  readonly State: {
    readonly Running: boolean;
    readonly StartedAt: string;
    readonly Health?: { readonly Status: string };
  };
  readonly Config: { readonly User: string; readonly Labels: Readonly<Record<string, string>> };
  readonly HostConfig: { readonly Mounts?: readonly { readonly Type: string; readonly Source: string }[] };
}

describe.skipIf(missing !== undefined)(`a stack on Docker through the real engines ${missing ?? ""}`, () => {
  let engine: Engine;
  let checkout: Checkout;
  let stack: StoodIn;
  let why: string | undefined;

  beforeAll(async () => {
    const started = await startEngine();
    if (typeof started === "string") {
      why = started;
      return;
    }
    engine = started;
    for (const [reference, image] of Object.entries({ ...publishedImages, [own]: ownImage() }))
      await importImage(engine, reference, image);
    checkout = await freshCheckout();
    stack = standingIn(checkout, "docker", engine.env);
    configure({});
  }, 300_000);
  afterAll(async () => {
    await checkout?.dispose();
    await engine?.stop();
  }, 120_000);

  beforeEach(({ skip }) => {
    if (why !== undefined) skip(why);
  });

  const configure = (settings: Settings) =>
    stack.configure({
      ...{ platform: "docker", grafana: "off", scrapeInterval: "5s", webLogin: true, images: { vitals: own } },
      ...settings,
    });
  const inspected = async (): Promise<readonly Inspected[]> => {
    const ids = (await engine.docker("ps", "--all", "--quiet", "--filter", `label=${labelOf("stack")}=${project}`))
      .split("\n")
      .filter((id) => id !== "");
    return ids.length === 0 ? [] : (JSON.parse(await engine.docker("inspect", ...ids)) as readonly Inspected[]);
  };
  const identities = async (): Promise<Readonly<Record<string, string>>> =>
    Object.fromEntries((await inspected()).map(({ Name, Id, State }) => [Name, `${Id} ${State.StartedAt}`]));
  /** Names of containers that are not the ones that they were. */
  const anew = async (before: Readonly<Record<string, string>>): Promise<readonly string[]> => {
    const after = await identities();
    expect(Object.keys(after).toSorted()).toEqual(Object.keys(before).toSorted());
    return Object.keys(after)
      .toSorted()
      .filter((name) => after[name] !== before[name])
      .map((name) => name.replace(`/${project}-`, ""));
  };
  const up = async (...args: readonly string[]) => {
    const ran = await stack.pulumi("up", "--yes", "--skip-preview", "--suppress-outputs", ...args);
    expect([ran.code, ran.text]).toEqual([0, expect.stringMatching(/Resources:/)]);
    return ran;
  };
  const volumes = async () => (await engine.docker("volume", "ls", "--quiet")).split("\n").toSorted();
  const home = () => join(checkout.dir, ".vitals/docker/files");
  const files = (): readonly {
    readonly service: string;
    readonly path: string;
    readonly mode: number;
    readonly user: string;
  }[] => {
    return readdirSync(home(), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        const { mode, uid, gid } = statSync(path);
        return {
          service: path.slice(home().length + 1).split("/")[0] ?? "",
          path,
          mode: mode & 0o777,
          user: `${uid}:${gid}`,
        };
      });
  };

  it("says what to install, on a closed network too, where Pulumi has not its Docker plugin", async () => {
    const { code, text } = await checkout.runWith({}, "pulumi", "preview", "--stack", "docker", "--color", "never");
    expect(code).not.toBe(0);
    expect(text).toContain("Pulumi's docker plugin 5.2.0 is not on this machine.");
    expect(text).toMatch(/pulumi plugin install resource docker 5\.2\.0 --file .*npm run render/s);
  }, 60_000);

  it("brings every container up and waits until it is healthy", async () => {
    const { seconds } = await up();
    const containers = await inspected();
    expect(containers.length).toBeGreaterThan(6);
    for (const { Name, State } of containers)
      expect([Name, State.Running, State.Health?.Status]).toEqual(
        Name.endsWith("-prepare-0") ? [Name, false, undefined] : [Name, true, "healthy"],
      );
    console.log(`up of ${containers.length} containers: ${seconds.toFixed(0)} s`);
  }, 300_000);

  it("has nothing to do the second time", async () => {
    const ran = await stack.preview({}, "--expect-no-changes");
    expect([ran.code, ran.text]).toEqual([0, expect.stringMatching(/unchanged/)]);
  }, 60_000);

  it("gives each file to the user of its container alone, and tells no secret to the engine or the state", async () => {
    const users = new Map((await inspected()).map(({ Config }) => [Config.Labels[labelOf("service")], Config.User]));
    expect(files().length).toBeGreaterThan(20);
    for (const { service, path, mode, user } of files())
      expect([path, mode, user]).toEqual([path, 0o600, users.get(service)]);
    const generated = Object.values(await stack.generated());
    expect(generated.length).toBeGreaterThan(3);
    for (const text of [await stack.exported(), JSON.stringify(await inspected())])
      for (const value of generated) expect(text).not.toContain(value);
  }, 60_000);

  it("tells a program that reads its configuration again, and leaves every container as it is", async () => {
    const before = await identities();
    configure({ scrapeInterval: "7s" });
    await up();
    expect(await anew(before)).toEqual([]);
    const { prometheusPassword } = await stack.generated();
    const login = Buffer.from(`vitals:${prometheusPassword}`).toString("base64");
    const ask = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${checkout.port(9090)}/api/v1/${path}`, {
        headers: { authorization: `Basic ${login}` },
      });
      return response.text();
    };
    await until(async () => (await ask("status/config")).includes("scrape_interval: 7s"), 10_000);
    // Names, ports, passwords: every program finds what it scrapes.
    const targets = async () => {
      const { data } = JSON.parse(await ask("query?query=up")) as {
        data: { result: { metric: { job: string }; value: [number, string] }[] };
      };
      return Object.fromEntries(data.result.map(({ metric, value }) => [metric.job, value[1]]));
    };
    const jobs = ["alertmanager", "db-stats", "integration-health", "jaeger", "jaeger-spans", "prometheus"];
    const allUp = Object.fromEntries(jobs.map((job) => [job, "1"]));
    await until(async () => isDeepStrictEqual(await targets(), allUp), 30_000).catch(() => undefined);
    expect(await targets()).toEqual(allUp);
  }, 120_000);

  it("makes the one container anew whose program reads a changed file at its start, and puts right what a hand has changed", async () => {
    const before = await identities();
    const folder = join(home(), "viewer/var/lib/vitals/dashboards");
    const dashboard = join(folder, readdirSync(folder)[0] ?? "");
    const text = readFileSync(dashboard, "utf8");
    configure({ redisMaxMemory: "64MiB" });
    writeFileSync(dashboard, "{}");
    await up();
    expect(await anew(before)).toEqual(["redis-0"]);
    expect(text.length).toBeGreaterThan(100);
    expect(readFileSync(dashboard, "utf8").length).toBe(text.length);
  }, 120_000);

  it("makes the readers of a rotated secret anew", async () => {
    const before = await identities();
    await stack.pulumi("config", "set", "--secret", "vitals:redisPassword", "rotated");
    await up();
    expect(await anew(before)).toEqual(["redis-0"]);
    expect(await stack.preview({}, "--expect-no-changes")).toMatchObject({ code: 0 });
  }, 120_000);

  it("refuses a change that would leave data behind, and keeps the volume where a person allows it", async () => {
    const before = await volumes();
    const sheet = "components/services/jaeger.ts";
    checkout.write(sheet, checkout.read(sheet).replace("volumes: { traces:", "volumes: { spans:"));
    checkout.write(sheet, checkout.read(sheet).replaceAll('dir("traces")', 'dir("spans")'));
    await stack.expectAllowed(await stack.expectRefused("volume", [`${project}-jaeger-0-traces abandoned`]));
    stack.done();
    expect((await stack.up()).code).not.toBe(0);
    expect(stack.done()).toEqual([]);
    await up("--allow-data-loss");
    expect(objects(stack.done(), "delete")).toEqual(["Container jaeger-0", "Container prepare-0"]);
    expect(await volumes()).toEqual([...before, `${project}-jaeger-0-spans`].toSorted());
  }, 180_000);

  it("lets nothing come after a job that has ended badly, and gives that another try", async () => {
    const id = await engine.docker("create", "--network", "none", own, "-e", failsTwice);
    await engine.docker("start", "--attach", id).catch(() => undefined);
    const inputs = { engine: { host: engine.env.DOCKER_HOST }, container: id } as never;
    await expect(dockerJob.create(inputs, "job")).rejects.toThrow(/ended with 3: not yet/);
    expect(await dockerJob.create(inputs, "job")).toEqual(inputs);
    expect(await dockerJob.create(inputs, "job")).toEqual(inputs);
    await engine.docker("rm", id);
  }, 60_000);

  it("leaves the volumes when everything else goes", async () => {
    const before = await volumes();
    expect(before.length).toBeGreaterThan(2);
    expect((await stack.pulumi("destroy", "--yes", "--skip-preview")).code).toBe(0);
    expect(await inspected()).toEqual([]);
    expect(await engine.docker("network", "ls", "--quiet", "--filter", `name=${project}`)).toBe("");
    expect(await volumes()).toEqual(before);
    expect(existsSync(home()) ? readdirSync(home()) : []).toEqual([]);
  }, 120_000);
});

/** Ends well the third time. */
const failsTwice = `
const fs = require("node:fs");
fs.appendFileSync("/tmp/tries", ".");
if (fs.readFileSync("/tmp/tries", "utf8").length < 3) { console.error("not yet"); process.exit(3); }`;
