// `npm run render`: what it prints is the plan, the same each time, quickly, and nothing else.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parseAllDocuments, stringify } from "yaml";
import type { Manifest } from "../../components/platforms/kubernetes/manifest.ts";
import { planner } from "../../components/platforms/kubernetes/platform.ts";
import { publicManifest } from "../../components/platforms/kubernetes/text.ts";
import { secretsOf } from "../../components/spec.ts";
import { describe as describeStack } from "../../components/stack.ts";
import { large } from "../../tools/bench/preview.ts";
import {
  configFor,
  most,
  mostButItsLogin,
  mostButItsSecrets,
  mostSecrets,
  type Settings,
  sizes,
} from "./kubernetes-stacks.ts";

const root = join(import.meta.dirname, "../..");
const entry = join(root, "tools/commands/render.ts");
const folder = mkdtempSync(join(tmpdir(), "vitals-render-"));
afterAll(() => rmSync(folder, { recursive: true }));

const run = (...args: readonly string[]) =>
  spawnSync(process.execPath, [entry, ...args], { encoding: "utf8", timeout: 60_000 });
const parsed = (text: string) => parseAllDocuments(text).map((document) => document.toJS() as Manifest);

/** A stack's settings file, its secrets encrypted as Pulumi writes them. */
function settingsFile(name: string, settings: Settings, secrets: readonly string[] = []): string {
  const path = join(folder, `${name}.settings.yaml`);
  const keys = Object.entries(settings).map(([key, value]) => [`vitals:${key}`, value]);
  const hidden = secrets.map((key) => [`vitals:${key}`, { secure: "v1:abcdef:ghijkl" }]);
  writeFileSync(
    path,
    stringify({ encryptionsalt: "v1:x", config: { ...Object.fromEntries([...keys, ...hidden]), "other:key": "1" } }),
  );
  return path;
}

describe("npm run render", () => {
  it.each(sizes)("prints what an update would apply, in its order, and nothing else: %s", (size) => {
    const settings = settingsFile(size, { ...most, size }, mostSecrets);
    const { stdout, stderr, status } = run("--stack", "prod", "--settings", settings);
    expect([status, stderr]).toEqual([0, ""]);
    const config = configFor({ ...most, size }, mostSecrets, "prod");
    const { objects } = planner.plan(config, describeStack(config, planner.surroundings(config)));
    expect(parsed(stdout)).toEqual(JSON.parse(JSON.stringify(objects.map(publicManifest))));
    expect(stdout).not.toContain("abcdef");
    expect(run("--stack", "prod", "--settings", settings).stdout).toBe(stdout);
  });

  it.each(["staging", "prod"])("renders the stack %s of this repository", (stack) => {
    const { stdout, stderr, status } = run("--stack", stack);
    expect([status, stderr]).toEqual([0, ""]);
    const kinds = parsed(stdout).map(({ kind }) => kind);
    expect(kinds[0]).toBe("Namespace");
    expect(kinds.length).toBeGreaterThan(50);
  });

  it("has placeholders of secrets where somebody may fill them in, and anything else only where Flux leaves it alone", () => {
    const config = configFor({ ...most, size: "large" }, mostSecrets, "prod");
    const stack = describeStack(config, planner.surroundings(config));
    const names = stack.specs.flatMap(secretsOf).flatMap((name) => [name, `${name}_sha256`, `${name}_bcrypt`]);
    const known = new RegExp(`^(?:(?:${names.join("|")})|fingerprint(?:_(?:${names.join("|")}))+)$`);
    const found = planner
      .plan(config, stack)
      .objects.map(publicManifest)
      .flatMap((manifest) =>
        [...JSON.stringify(manifest).matchAll(/\$\{([^}]*)\}/g)].map(([, name = ""]) => ({
          name,
          secret: known.test(name),
          left: manifest.metadata.annotations?.["kustomize.toolkit.fluxcd.io/substitute"] === "disabled",
        })),
      );
    expect(found).toContainEqual({ name: "VITALS_REPLICA", secret: false, left: true });
    expect(found).toContainEqual({ name: "redisPassword_sha256", secret: true, left: false });
    for (const { name, secret, left } of found) expect([name, left]).toEqual([name, !secret]);
  });

  it("takes at most a second after Node's own start, at the largest size", () => {
    const settings = settingsFile("timed", { ...most, ...large, backup: {} }, mostSecrets);
    const time = (args: readonly string[]) => {
      const start = performance.now();
      execFileSync(process.execPath, args, { stdio: "ignore", timeout: 60_000 });
      return performance.now() - start;
    };
    const turns = Array.from({ length: 5 }, () => ({
      bare: time(["-e", ""]),
      render: time([entry, "--stack", "prod", "--settings", settings]),
    }));
    const least = (name: "bare" | "render") => Math.min(...turns.map((turn) => turn[name]));
    const taken = least("render") - least("bare");
    console.log(
      `render: ${Math.round(taken)} ms after Node's start of ${Math.round(least("bare"))} ms (promise 1000 ms)`,
    );
    expect(taken).toBeLessThan(3_000);
  });

  it("writes one file a service with --out, secrets apart, and takes away what is gone", () => {
    const out = join(folder, "out");
    const all = settingsFile("all", most, mostSecrets);
    expect(run("--stack", "prod", "--settings", all, "--out", out)).toMatchObject({ status: 0, stderr: "" });
    const names = [
      "alertmanager",
      "db-stats",
      "grafana",
      "integration-health",
      "jaeger",
      "namespace",
      "prometheus",
      "redis",
      "secrets",
      "slack-relay",
    ];
    expect(readdirSync(out).toSorted()).toEqual(names.map((name) => `${name}.yaml`));
    const textOf = (name: string) => readFileSync(join(out, `${name}.yaml`), "utf8");
    const kinds = (text = "") => [...text.matchAll(/^kind: (\w+)$/gm)].map(([, kind]) => kind);
    expect(new Set(kinds(textOf("secrets")))).toEqual(new Set(["Secret"]));
    for (const name of names.filter((each) => each !== "secrets")) expect(kinds(textOf(name))).not.toContain("Secret");
    writeFileSync(join(out, "own.yaml"), "kind: Mine\n");
    const without = settingsFile("without", { ...mostButItsLogin, grafana: "off" }, mostButItsSecrets);
    const refused = run("--stack", "prod", "--settings", without, "--out", out);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain("volume claim vitals/data-grafana-0: would be abandoned");
    expect(readdirSync(out)).toContain("grafana.yaml");
    const { status, stdout } = run("--stack", "prod", "--settings", without, "--out", out, "--allow-data-loss");
    expect(status).toBe(0);
    expect(stdout).toContain("kubectl delete statefulset/grafana --namespace vitals\n");
    expect(stdout).not.toContain("prometheus-pods");
    expect(readdirSync(out)).not.toContain("grafana.yaml");
    expect(readdirSync(out)).toContain("viewer.yaml");
    expect(readFileSync(join(out, "own.yaml"), "utf8")).toBe("kind: Mine\n");
  });

  it("leaves objects of a secret store in the place of its own, and tells what they have to hold", () => {
    const out = join(folder, "own-secrets");
    const settings = settingsFile("own-secrets", most, mostSecrets);
    const render = () => run("--stack", "prod", "--settings", settings, "--out", out);
    expect(render().status).toBe(0);
    const own = "kind: ExternalSecret\n";
    writeFileSync(join(out, "secrets.yaml"), own);
    const { status, stdout } = render();
    expect(status).toBe(0);
    expect(readFileSync(join(out, "secrets.yaml"), "utf8")).toBe(own);
    expect(stdout).toMatch(/secrets\.yaml is yours and stays/);
    expect(stdout).toContain("     redis-secrets: users.acl\n");
    expect(stdout).not.toContain("kubectl delete");
  });

  it("refuses to overwrite a file that somebody else has written, and then writes nothing", () => {
    const out = join(folder, "others");
    mkdirSync(out);
    writeFileSync(join(out, "redis.yaml"), "kind: Mine\n");
    const { status, stderr } = run("--stack", "prod", "--out", out);
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/redis\.yaml: was not written by this command.*\n {2}-> /),
    ]);
    expect(readdirSync(out)).toEqual(["redis.yaml"]);
    expect(readFileSync(join(out, "redis.yaml"), "utf8")).toBe("kind: Mine\n");
  });

  it("says so when --out is a file", () => {
    const { stderr, status } = run("--stack", "prod", "--out", entry);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/render\.ts: is a file\n {2}-> Name a folder/)]);
  });

  it("tells every problem of the settings at once, with remedies, and prints nothing", () => {
    const settings = settingsFile("bad", {
      platform: "kubernetes",
      size: "huge",
      namespace: "Not A Name",
      ingress: { class: "nginx" },
    });
    const { stdout, stderr, status } = run("--stack", "prod", "--settings", settings);
    expect([status, stdout]).toEqual([1, ""]);
    for (const key of ["vitals:size", "vitals:namespace", "vitals:ingress.host"]) expect(stderr).toContain(key);
    const unnamed = run("--stack", "prod", "--settings", settingsFile("unnamed", { platform: "kubernetes" }));
    expect(unnamed.stderr).toMatch(/vitals:registry: is missing.*\n {2}-> Set vitals:registry/);
  });

  it("says which stacks it can render", () => {
    expect(run("--stack", "dev").stderr).toContain(
      "stack dev: is on the platform process, which has nothing to render",
    );
    expect(run("--stack", "nowhere").stderr).toContain("does not exist");
    expect(run().status).toBe(2);
    expect(run("--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("--allow-data-loss") });
  });
});
