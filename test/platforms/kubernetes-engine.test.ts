// The thin half through the real Pulumi engine, with a provider in place of the Kubernetes plugin that stores what it is given.
import { globSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Checkout, freshCheckout } from "../support/checkout.ts";
import { notHere, objects, type StoodIn, standingIn, wordIn } from "../support/stand-in.ts";
import { edits, everyClaim, harmlessChanges, lossyChanges } from "./kubernetes-changes.ts";
import { mostButItsLogin, mostButItsSecrets, type Settings } from "./kubernetes-stacks.ts";

/**
 * `VITALS_PROVE=1` has every change that would lose data judged through the engine; else one of each effect is: all of them are judged as
 * plain data beside (kubernetes-data-loss.test.ts), and what the engine adds is the way of a refusal.
 */
const full = process.env.VITALS_PROVE !== undefined;
const throughTheEngine = ["another namespace", "a smaller size"];

describe.skipIf(notHere !== undefined)(`a Kubernetes stack through the real engine ${notHere ?? ""}`, () => {
  let checkout: Checkout;
  let stack: StoodIn;
  const { ingress, ...plain } = mostButItsLogin;

  beforeAll(async () => {
    checkout = await freshCheckout();
    stack = standingIn(checkout, "prod");
    configure({});
  }, 120_000);
  afterAll(() => checkout?.dispose());

  const configure = (settings: Settings) =>
    stack.configure({ ...plain, ingress, size: "medium", ...settings } as unknown as Record<string, object>);

  it("creates every object, what a workload uses before it", async () => {
    expect((await stack.pulumi("stack", "init")).code).toBe(0);
    const values = mostButItsSecrets.flatMap((name) => ["--secret", `vitals:${name}=clear-${name}`]);
    expect((await stack.pulumi("config", "set-all", ...values)).text).toBe("");
    const ran = await stack.up();
    expect([ran.code, ran.text]).toEqual([0, expect.stringMatching(/created/)]);
    const lines = stack.done();
    const at = (part: string) => lines.findIndex((line) => line.endsWith(part));
    expect(at("StatefulSet prometheus")).toBeGreaterThan(at("ConfigMap prometheus-config"));
    expect(at("StatefulSet prometheus")).toBeGreaterThan(at("Secret prometheus-secrets"));
    expect(at("Namespace namespace")).toBeLessThan(at("StatefulSet redis"));
    expect(objects(lines, "create").length).toBeGreaterThan(60);
  }, 120_000);

  it("keeps no secret in clear in the state", async () => {
    const stdout = await stack.exported();
    expect(stdout.length).toBeGreaterThan(50_000);
    const generated = Object.values(await stack.generated());
    expect(generated.length).toBeGreaterThan(3);
    for (const value of generated) expect(value).toHaveLength(32);
    for (const value of [...mostButItsSecrets.map((name) => `clear-${name}`), ...generated])
      expect(stdout).not.toContain(value);
  });

  it("builds our own image before what runs it, and nothing else waits for that", async () => {
    const { deployment } = JSON.parse(await stack.exported()) as {
      readonly deployment: {
        readonly resources: readonly { readonly urn: string; readonly dependencies?: readonly string[] }[];
      };
    };
    const waits = deployment.resources
      .filter(({ dependencies = [] }) => dependencies.some((urn) => urn.includes("docker-build:index:Image")))
      .map(({ urn }) => urn.split("::").at(-1));
    expect(waits.toSorted()).toEqual(["db-stats", "integration-health", "slack-relay"]);
  });

  it("has nothing to do the second time", async () => {
    expect(await stack.pulumi("preview", "--expect-no-changes")).toMatchObject({
      code: 0,
      text: expect.stringMatching(/unchanged/),
    });
  });

  it("is previewed with 150 resources in at most 1.5 times an empty program's time and two seconds", async () => {
    // In the checkout's own folder: a new stack writes its settings there for a moment.
    const script = `
      const { allowedFor, previewOfNew } = await import("./tools/bench/preview.ts");
      const { created, count } = await previewOfNew(process.argv[1], 2, console.error);
      const [empty, own] = created.map(({ allMs }) => Math.min(...allMs));
      console.log(JSON.stringify({ count, empty, own, allowed: allowedFor(empty) }));`;
    const folder = mkdtempSync(join(checkout.dir, ".preview-"));
    const ran = await checkout.start(process.execPath, ["--input-type=module", "-e", script, folder]).ended;
    expect([ran.code, ran.text]).toEqual([0, expect.stringContaining("allowed")]);
    const { count, empty, own, allowed } = JSON.parse(ran.stdout) as Readonly<
      Record<"count" | "empty" | "own" | "allowed", number>
    >;
    const told = `${Math.round(own)} ms, an empty program's ${Math.round(empty)} ms`;
    console.log(`preview of ${count} resources: ${told} (promise ${Math.round(allowed)} ms)`);
    expect(count).toBeGreaterThanOrEqual(150);
    // Three times the promise, where other tests share the cores.
    expect(own).toBeLessThan(3 * allowed);
  }, 240_000);

  it("changes exactly what a changed configuration concerns", async () => {
    configure({ scrapeInterval: "30s" });
    expect(await stack.up()).toMatchObject({ code: 0 });
    const lines = stack.done();
    // Dashboards know the interval too, and are re-read in place.
    expect(objects(lines, "update")).toEqual(["ConfigMap grafana-live", "StatefulSet prometheus"]);
    expect(objects(lines, "create")).toEqual(["ConfigMap prometheus-config"]);
    expect(objects(lines, "delete")).toEqual(["ConfigMap prometheus-config"]);
    const order = lines.map((line) => line.split(" ")[0]);
    expect(order.indexOf("delete")).toBe(order.length - 1);
  }, 120_000);

  it("builds anew, and rolls what runs it, when a file of our own image has changed", async () => {
    checkout.write("exporters/exporter.ts", `${checkout.read("exporters/exporter.ts")}// changed\n`);
    expect(await stack.up()).toMatchObject({ code: 0 });
    const lines = stack.done();
    expect(objects(lines, "update")).toEqual([
      "Deployment db-stats",
      "Image image",
      "StatefulSet integration-health",
      "StatefulSet slack-relay",
    ]);
    expect(lines[0]).toContain("docker-build:index:Image");
    expect(lines).toHaveLength(4);
    checkout.write("alerts/causes.ts", `${checkout.read("alerts/causes.ts")}// changed\n`);
    expect(await stack.pulumi("preview", "--expect-no-changes")).toMatchObject({ code: 0 });
  }, 120_000);

  it("rolls the readers of a rotated secret", async () => {
    await stack.pulumi("config", "set", "--secret", "vitals:mimirPassword", "clear-rotated");
    expect(await stack.up()).toMatchObject({ code: 0 });
    expect(objects(stack.done(), "update")).toEqual(["Secret prometheus-secrets", "StatefulSet prometheus"]);
  }, 120_000);

  const expectRefused = (expected: readonly string[]) => stack.expectRefused("volume claim", expected);

  it.each([
    ...lossyChanges.filter(([name]) => full || throughTheEngine.includes(name)),
    ["another platform", { platform: "process" }, everyClaim.map((claim) => `${claim} abandoned`)] as const,
  ])(
    "refuses a change that would lose data: %s",
    async (_, settings, expected) => {
      configure(settings);
      await expectRefused(expected);
    },
    60_000,
  );

  it("lets a change through by the word that its refusal told", async () => {
    configure({ size: "small", storageClass: "slow" });
    const { text } = await stack.preview();
    await stack.expectAllowed(wordIn(text));
  }, 60_000);

  it("takes all changes at once that lose no data", async () => {
    configure(Object.assign({}, ...harmlessChanges.map(([, settings]) => settings)));
    expect(await stack.preview()).toMatchObject({ code: 0, text: expect.stringMatching(/Resources:/) });
  }, 60_000);

  it.each(edits)(
    "judges a change of the code: %s",
    async (_, replacements, expected) => {
      configure({});
      const before = new Map<string, string>();
      for (const path of globSync("{components,alerts,dashboards}/**/*.ts", { cwd: checkout.dir })) {
        const text = checkout.read(path);
        const next = replacements.reduce((all, [from, to]) => all.replaceAll(from, to), text);
        if (next === text) continue;
        before.set(path, text);
        checkout.write(path, next);
      }
      expect(before.size).toBeGreaterThan(0);
      try {
        if (expected.length > 0) await expectRefused(expected);
        else expect(await stack.preview()).toMatchObject({ code: 0, text: expect.stringMatching(/Resources:/) });
      } finally {
        for (const [path, text] of before) checkout.write(path, text);
      }
    },
    60_000,
  );

  it("touches nothing when it refuses an update, whatever was allowed before, and obeys the flag of one command", async () => {
    configure({ grafana: "off" });
    const word = wordIn((await stack.preview()).text);
    configure({ size: "small" });
    const refused = await stack.pulumiWith({ VITALS_ALLOW_DATA_LOSS: word }, "up", "--yes", "--skip-preview");
    expect(refused.code).not.toBe(0);
    expect(stack.done()).toEqual([]);
    expect((await stack.up()).code).not.toBe(0);
    expect(stack.done()).toEqual([]);
    expect(
      await stack.pulumi("up", "--yes", "--skip-preview", "--suppress-outputs", "--allow-data-loss"),
    ).toMatchObject({
      code: 0,
    });
    expect(objects(stack.done(), "update")).toContain("StatefulSet alertmanager");
    expect(await stack.pulumi("preview", "--expect-no-changes")).toMatchObject({ code: 0 });
  }, 120_000);

  it("leaves the namespace, and so the volumes, when everything else goes", async () => {
    expect((await stack.pulumi("destroy", "--yes", "--skip-preview")).code).toBe(0);
    const gone = objects(stack.done(), "delete");
    expect(gone).toContain("StatefulSet prometheus");
    expect(gone).not.toContain("Namespace namespace");
  }, 120_000);
});
