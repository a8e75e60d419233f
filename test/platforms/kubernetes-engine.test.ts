// The thin half through the real Pulumi engine, with a provider in place of the Kubernetes plugin that stores what it is given.
import { existsSync, globSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findTool } from "../../tools/resolve.ts";
import { type Checkout, freshCheckout } from "../support/checkout.ts";
import { edits, harmlessChanges, lossyChanges } from "./kubernetes-changes.ts";
import { mostButItsLogin, mostButItsSecrets, type Settings } from "./kubernetes-stacks.ts";

const missing = ["pulumi", "pulumi-language-nodejs"].filter((tool) => findTool(tool) === undefined);
const why = missing.length === 0 ? "" : ` (skipped: ${missing.join(", ")} not there, npm run tools -- get)`;

/** Takes the place of the plugin. */
const standIn = "tools/bench/stand-in";

describe.skipIf(missing.length > 0)(`a Kubernetes stack through the real engine${why}`, () => {
  let checkout: Checkout;
  const stack = "prod";
  const { ingress, ...plain } = mostButItsLogin;

  beforeAll(async () => {
    checkout = await freshCheckout();
    configure({});
  }, 120_000);
  afterAll(() => checkout?.dispose());

  /** Settings with their secrets, which Pulumi encrypts, kept. */
  const configure = (settings: Settings) => {
    const text = (() => {
      try {
        return checkout.read(`Pulumi.${stack}.yaml`);
      } catch {
        return "";
      }
    })();
    const kept = [...text.matchAll(/^ {2}vitals:\w+:\n {4}secure: .*$/gm)].map(([line]) => line).join("\n");
    checkout.configure({ ...plain, ingress, size: "medium", ...settings } as unknown as Record<string, object>, stack);
    const written = checkout.read(`Pulumi.${stack}.yaml`);
    checkout.write(`Pulumi.${stack}.yaml`, written.replace("config:\n", `config:\n${kept === "" ? "" : `${kept}\n`}`));
  };
  const pulumi = (...args: readonly string[]) => pulumiWith({}, ...args);
  const pulumiWith = (env: NodeJS.ProcessEnv, ...args: readonly string[]) => {
    const path = [join(checkout.dir, standIn), process.env.PATH ?? ""].join(delimiter);
    return checkout.runWith(
      { PATH: path, VITALS_STAND_IN_LOG: join(checkout.dir, "log"), ...env },
      "pulumi",
      ...args,
      "--stack",
      stack,
      "--non-interactive",
      "--color",
      "never",
    );
  };
  const up = () => pulumi("up", "--yes", "--skip-preview", "--suppress-outputs");
  const done = (): readonly string[] => {
    if (!existsSync(join(checkout.dir, "log"))) return [];
    const lines = checkout.read("log").trim().split("\n");
    checkout.write("log", "");
    return lines.filter((line) => line !== "");
  };
  const objects = (lines: readonly string[], operation: string) =>
    lines
      .filter((line) => line.startsWith(`${operation} `))
      .map((line) => `${/:(\w+) /.exec(line.split("$").at(-1) ?? "")?.[1]} ${line.split(" ").at(-1)}`)
      .toSorted();

  it("creates every object, what a workload uses before it", async () => {
    expect((await pulumi("stack", "init")).code).toBe(0);
    const values = mostButItsSecrets.flatMap((name) => ["--secret", `vitals:${name}=clear-${name}`]);
    expect((await pulumi("config", "set-all", ...values)).text).toBe("");
    const ran = await up();
    expect([ran.code, ran.text]).toEqual([0, expect.stringMatching(/created/)]);
    const lines = done();
    const at = (part: string) => lines.findIndex((line) => line.endsWith(part));
    expect(at("StatefulSet prometheus")).toBeGreaterThan(at("ConfigMap prometheus-config"));
    expect(at("StatefulSet prometheus")).toBeGreaterThan(at("Secret prometheus-secrets"));
    expect(at("Namespace namespace")).toBeLessThan(at("StatefulSet redis"));
    expect(objects(lines, "create").length).toBeGreaterThan(60);
  }, 120_000);

  it("keeps no secret in clear in the state", async () => {
    const { stdout } = await pulumi("stack", "export");
    expect(stdout.length).toBeGreaterThan(50_000);
    const open = JSON.parse((await pulumi("stack", "export", "--show-secrets")).stdout) as {
      deployment: { resources: readonly { type: string; outputs?: { value?: { plaintext?: string } } }[] };
    };
    const generated = open.deployment.resources
      .filter(({ type }) => type === "vitals:index:Secret")
      .map(({ outputs }) => JSON.parse(outputs?.value?.plaintext ?? '""') as string);
    expect(generated.length).toBeGreaterThan(3);
    for (const value of generated) expect(value).toHaveLength(32);
    for (const value of [...mostButItsSecrets.map((name) => `clear-${name}`), ...generated])
      expect(stdout).not.toContain(value);
  });

  it("builds our own image before what runs it, and nothing else waits for that", async () => {
    const { deployment } = JSON.parse((await pulumi("stack", "export")).stdout) as {
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
    expect(await pulumi("preview", "--expect-no-changes")).toMatchObject({
      code: 0,
      text: expect.stringMatching(/unchanged/),
    });
  });

  it("changes exactly what a changed configuration concerns", async () => {
    configure({ scrapeInterval: "30s" });
    expect(await up()).toMatchObject({ code: 0 });
    const lines = done();
    // Dashboards know the interval too, and are re-read in place.
    expect(objects(lines, "update")).toEqual(["ConfigMap grafana-live", "StatefulSet prometheus"]);
    expect(objects(lines, "create")).toEqual(["ConfigMap prometheus-config"]);
    expect(objects(lines, "delete")).toEqual(["ConfigMap prometheus-config"]);
    const order = lines.map((line) => line.split(" ")[0]);
    expect(order.indexOf("delete")).toBe(order.length - 1);
  }, 120_000);

  it("builds anew, and rolls what runs it, when a file of our own image has changed", async () => {
    checkout.write("exporters/exporter.ts", `${checkout.read("exporters/exporter.ts")}// changed\n`);
    expect(await up()).toMatchObject({ code: 0 });
    const lines = done();
    expect(objects(lines, "update")).toEqual([
      "Deployment db-stats",
      "Image image",
      "StatefulSet integration-health",
      "StatefulSet slack-relay",
    ]);
    expect(lines[0]).toContain("docker-build:index:Image");
    expect(lines).toHaveLength(4);
    checkout.write("alerts/causes.ts", `${checkout.read("alerts/causes.ts")}// changed\n`);
    expect(await pulumi("preview", "--expect-no-changes")).toMatchObject({ code: 0 });
  }, 120_000);

  it("rolls the readers of a rotated secret", async () => {
    await pulumi("config", "set", "--secret", "vitals:mimirPassword", "clear-rotated");
    expect(await up()).toMatchObject({ code: 0 });
    expect(objects(done(), "update")).toEqual(["Secret prometheus-secrets", "StatefulSet prometheus"]);
  }, 120_000);

  const preview = (env: NodeJS.ProcessEnv = {}, ...args: readonly string[]) => pulumiWith(env, "preview", ...args);
  const wordIn = (text: string) => /VITALS_ALLOW_DATA_LOSS=([0-9a-f]{8})/.exec(text)?.[1] ?? "";
  /** Refused without permission, each claim told and no stack trace; let through with the word that the refusal told. */
  async function expectRefused(expected: readonly string[]): Promise<void> {
    const refused = await preview();
    expect(refused.code).not.toBe(0);
    const told = refused.text.matchAll(/volume claim (\S+): would be (\w+): /g);
    // Pulumi tells each problem as it comes, and all again at the end.
    expect([...new Set([...told].map(([, claim, effect]) => `${claim} ${effect}`))]).toEqual(expected);
    expect(refused.text).not.toMatch(/\n +at .+:\d+:\d+/);
    const allowed = await preview({ VITALS_ALLOW_DATA_LOSS: wordIn(refused.text) });
    expect([allowed.code, allowed.text]).toEqual([0, expect.stringMatching(/Resources:/)]);
  }

  it.each(lossyChanges)(
    "refuses a change that would lose data: %s",
    async (_, settings, expected) => {
      configure(settings);
      await expectRefused(expected);
    },
    60_000,
  );

  it("takes all changes at once that lose no data", async () => {
    configure(Object.assign({}, ...harmlessChanges.map(([, settings]) => settings)));
    expect(await preview()).toMatchObject({ code: 0, text: expect.stringMatching(/Resources:/) });
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
        else expect(await preview()).toMatchObject({ code: 0, text: expect.stringMatching(/Resources:/) });
      } finally {
        for (const [path, text] of before) checkout.write(path, text);
      }
    },
    60_000,
  );

  it("touches nothing when it refuses an update, whatever was allowed before, and obeys the flag of one command", async () => {
    configure({ grafana: "off" });
    const word = wordIn((await preview()).text);
    configure({ size: "small" });
    const refused = await pulumiWith({ VITALS_ALLOW_DATA_LOSS: word }, "up", "--yes", "--skip-preview");
    expect(refused.code).not.toBe(0);
    expect(done()).toEqual([]);
    expect((await up()).code).not.toBe(0);
    expect(done()).toEqual([]);
    expect(await pulumi("up", "--yes", "--skip-preview", "--suppress-outputs", "--allow-data-loss")).toMatchObject({
      code: 0,
    });
    expect(objects(done(), "update")).toContain("StatefulSet alertmanager");
    expect(await pulumi("preview", "--expect-no-changes")).toMatchObject({ code: 0 });
  }, 120_000);

  it("leaves the namespace, and so the volumes, when everything else goes", async () => {
    expect((await pulumi("destroy", "--yes", "--skip-preview")).code).toBe(0);
    const gone = objects(done(), "delete");
    expect(gone).toContain("StatefulSet prometheus");
    expect(gone).not.toContain("Namespace namespace");
  }, 120_000);
});
