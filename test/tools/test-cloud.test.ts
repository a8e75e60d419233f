// npm run test:cloud through the real Pulumi engine, with a provider in place of the plugin that stores what it is given.
import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findTool } from "../../tools/resolve.ts";
import { type Checkout, freshCheckout } from "../support/checkout.ts";

const missing = ["pulumi", "pulumi-language-nodejs"].filter((tool) => findTool(tool) === undefined);
const why = missing.length === 0 ? "" : ` (skipped: ${missing.join(", ")} not there, npm run tools -- get)`;

/** Each run is a dozen of Pulumi's own; what else may cut one short is tried with `VITALS_PROVE=1`. */
const full = process.env.VITALS_PROVE !== undefined;

const settings = `config:
  vitals:registry: registry.example.com/team
`;

describe.skipIf(missing.length > 0)(`npm run test:cloud${why}`, () => {
  let checkout: Checkout;
  beforeAll(async () => {
    checkout = await freshCheckout();
    checkout.write("cloud.yaml", settings);
  }, 120_000);
  afterAll(() => checkout?.dispose());

  const log = () => (existsSync(join(checkout.dir, "log")) ? checkout.read("log").trim().split("\n") : []);
  /** The plugin's place is taken; its log begins anew. */
  const withStandIn = (env: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => {
    checkout.write("log", "");
    const PATH = [join(checkout.dir, "tools/bench/stand-in"), process.env.PATH].join(delimiter);
    return { PATH, VITALS_STAND_IN_LOG: join(checkout.dir, "log"), ...env };
  };
  const cloud = (env: NodeJS.ProcessEnv, ...args: readonly string[]) =>
    checkout.runWith(env, "test-cloud", "kubernetes", ...args);
  /** What was created or replaced and not deleted again; the namespace and the claims in it too. */
  const left = () => {
    const alive = new Map<string, number>();
    for (const line of log()) {
      const [operation = "", ...urn] = line.split(" ");
      const step = { create: 1, delete: -1 }[operation] ?? 0;
      alive.set(urn.join(" "), (alive.get(urn.join(" ")) ?? 0) + step);
    }
    return [...alive].filter(([urn, count]) => count !== 0 && !urn.includes("docker-build:")).map(([urn]) => urn);
  };

  it("brings a stack up, changes it, and takes all of it away again, what holds data too", async () => {
    const ran = await cloud(withStandIn(), "--settings", "cloud.yaml");
    expect([ran.code, ran.text]).toEqual([0, expect.stringMatching(/kubernetes +destroy +\d/)]);
    for (const step of ["up", "up again, nothing to do", "up with a change", "destroy"])
      expect(ran.text).toMatch(new RegExp(`^kubernetes +${step} +\\d+\\.\\d$`, "m"));
    expect(log().filter((line) => /^create .*Namespace/.test(line))).toHaveLength(1);
    expect(log().filter((line) => line.startsWith("create")).length).toBeGreaterThan(50);
    expect(left()).toEqual([]);
    expect(checkout.read("log")).toMatch(/^delete .*:Namespace namespace$/m);
    expect(ran.text).not.toMatch(/generated-|"value": *"/);
    expect(readdirSync(join(checkout.dir, ".vitals/trials"))).toEqual([]);
    // Nothing of it is in the checkout.
    expect((await checkout.start("git", ["status", "--short"]).ended).stdout).not.toContain("trial");
  }, 120_000);

  it("takes away what there was when an update fails half-way, and says what may be the matter", async () => {
    const ran = await cloud(
      withStandIn({ VITALS_STAND_IN_REFUSE: "StatefulSet::prometheus$" }),
      "--settings",
      "cloud.yaml",
    );
    expect(ran.code).toBe(1);
    const [pulumis, ours] = ["the stand-in refuses this one", "current context of your kubeconfig"].map((text) =>
      ran.text.lastIndexOf(text),
    );
    expect(pulumis).toBeGreaterThan(0);
    expect(ours).toBeGreaterThan(pulumis ?? 0);
    expect(log().filter((line) => line.startsWith("create")).length).toBeGreaterThan(20);
    expect(left()).toEqual([]);
  }, 120_000);

  it.runIf(full)(
    "does not take a change for right that touches something else",
    async () => {
      // Jaeger reads the interval too now.
      const path = "components/services/jaeger.ts";
      const before = checkout.read(path);
      checkout.write(path, before.replace('level: "warn"', "level: config.scrapeInterval"));
      expect(checkout.read(path)).not.toBe(before);
      try {
        const ran = await cloud(withStandIn(), "--settings", "cloud.yaml");
        expect(ran.code).toBe(1);
        expect(ran.text).toMatch(/touched .*StatefulSet jaeger.*\n {2}-> It has to touch ConfigMap grafana-live, /);
        expect(ran.text).not.toContain("kubeconfig");
        expect(left()).toEqual([]);
      } finally {
        checkout.write(path, before);
      }
    },
    120_000,
  );

  it.runIf(full)(
    "takes away what there was when it is interrupted",
    async () => {
      const running = checkout.start(
        process.execPath,
        ["run.mjs", "test-cloud", "kubernetes", "--settings", "cloud.yaml"],
        withStandIn(),
      );
      await expect.poll(() => log().length, { timeout: 60_000 }).toBeGreaterThan(10);
      process.kill(running.pid, "SIGTERM");
      const ran = await running.ended;
      expect(ran.code).toBe(1);
      expect(left()).toEqual([]);
    },
    120_000,
  );

  it("tells after Pulumi's own words what to install, on a closed network too, where the plugin is missing", async () => {
    const ran = await cloud({ PATH: process.env.PATH }, "--settings", "cloud.yaml");
    expect(ran.code).toBe(1);
    // It names the first of the two that it asked for.
    const [, ours = ""] = /no resource plugin 'pulumi-resource-(?:kubernetes|docker-build)'(.*)/s.exec(ran.text) ?? [];
    expect(ours).toMatch(/^Pulumi's kubernetes plugin \S+ is not on this machine\.$/m);
    expect(ours).toMatch(/-> With internet access: pulumi plugin install resource kubernetes \d/);
    expect(ours).toMatch(
      /-> On a closed network: fetch pulumi-resource-kubernetes-v\S+\.tar\.gz elsewhere .*\n.*--file/,
    );
    expect(ours).toMatch(/^Pulumi's docker-build plugin/m);
  }, 120_000);

  it("takes no secrets that were encrypted for another stack, and no platform that it does not know", async () => {
    checkout.write("secret.yaml", `${settings}  vitals:slackWebhookUrl: { secure: v1:abc }\n`);
    const secret = await cloud(withStandIn(), "--settings", "secret.yaml");
    expect([secret.code, secret.text]).toEqual([
      1,
      expect.stringContaining("secret.yaml: holds secrets: slackWebhookUrl"),
    ]);
    const unknown = await checkout.run("test-cloud", "process");
    expect([unknown.code, unknown.text]).toEqual([
      1,
      "process: is no platform to try\n  -> Use one of: kubernetes, docker.\n",
    ]);
    expect(log()).toEqual([""]);
  });

  it.runIf(full)(
    "removes what a killed run has left, when it is asked to",
    async () => {
      const running = checkout.start(
        process.execPath,
        ["run.mjs", "test-cloud", "kubernetes", "--settings", "cloud.yaml"],
        withStandIn(),
      );
      await expect.poll(() => log().length, { timeout: 60_000 }).toBeGreaterThan(30);
      running.kill();
      await running.ended;
      expect(left().length).toBeGreaterThan(10);
      const env = { PATH: withStandIn().PATH, VITALS_STAND_IN_LOG: join(checkout.dir, "log") };
      const cleaned = await checkout.runWith(env, "test-cloud", "--clean");
      expect([cleaned.code, cleaned.text]).toEqual([0, expect.stringContaining("has been removed!")]);
      expect(checkout.read("log")).toMatch(/^delete .*:Namespace namespace$/m);
      expect((await checkout.runWith(env, "test-cloud", "--clean")).text).toBe("");
    },
    120_000,
  );
});
