// The thin half through the real Pulumi engine, with a provider in place of the Kubernetes plugin that stores what it is given.
import { chmodSync, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findTool } from "../../tools/resolve.ts";
import { type Checkout, freshCheckout } from "../support/checkout.ts";
import { most, mostSecrets, type Settings } from "./kubernetes-stacks.ts";

const missing = ["pulumi", "pulumi-language-nodejs"].filter((tool) => findTool(tool) === undefined);
const why = missing.length === 0 ? "" : ` (skipped: ${missing.join(", ")} not there, npm run tools -- get)`;

/** Takes the place of the plugin, and of our own provider. */
const standIn = "tools/bench/stand-in";

describe.skipIf(missing.length > 0)(`a Kubernetes stack through the real engine${why}`, () => {
  let checkout: Checkout;
  const stack = "prod";
  const { ingress, ...plain } = most;

  beforeAll(async () => {
    checkout = await freshCheckout();
    const own = "components/platforms/process/provider/pulumi-resource-vitals";
    checkout.write(own, `#!/bin/sh\nexec node "${join(checkout.dir, standIn, "provider.ts")}" "$@"\n`);
    chmodSync(join(checkout.dir, own), 0o755);
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
  const pulumi = (...args: readonly string[]) => {
    const path = [join(checkout.dir, standIn), process.env.PATH ?? ""].join(delimiter);
    return checkout.runWith(
      { PATH: path, VITALS_STAND_IN_LOG: join(checkout.dir, "log") },
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
    const values = mostSecrets.flatMap((name) => ["--secret", `vitals:${name}=clear-${name}`]);
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
    for (const value of [...mostSecrets.map((name) => `clear-${name}`), "generated-"])
      expect(stdout).not.toContain(`"${value}`);
    for (const name of mostSecrets) expect(stdout).not.toContain(`clear-${name}`);
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

  it("rolls the readers of a rotated secret", async () => {
    await pulumi("config", "set", "--secret", "vitals:mimirPassword", "clear-rotated");
    expect(await up()).toMatchObject({ code: 0 });
    expect(objects(done(), "update")).toEqual(["Secret prometheus-secrets", "StatefulSet prometheus"]);
  }, 120_000);

  it("leaves the namespace, and so the volumes, when everything else goes", async () => {
    expect((await pulumi("destroy", "--yes", "--skip-preview")).code).toBe(0);
    const gone = objects(done(), "delete");
    expect(gone).toContain("StatefulSet prometheus");
    expect(gone).not.toContain("Namespace namespace");
  }, 120_000);
});
