// Passwords, generated or set, stay where they are needed: not in the state in clear, not in arguments, environments, logs or output.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Checkout, freshCheckout } from "../support/checkout.ts";
import { commandLine, environmentOf, userOf } from "../support/processes.ts";

const chosen = `chosen-${"0123456789abcdef".repeat(2)}`;

describe("the secrets of a stack", () => {
  let checkout: Checkout;
  let output = "";
  let values: readonly string[] = [];
  beforeAll(async () => {
    checkout = await freshCheckout({ settings: { demo: true, webLogin: true } });
    const set = await checkout.start("/bin/sh", [
      "-c",
      `node run.mjs pulumi config set -s dev --secret slackWebhookUrl "http://127.0.0.1:9/${chosen}"`,
    ]).ended;
    expect(set.code, set.text).toBe(0);
    const preview = await checkout.pulumi("preview", "-s", "dev", "--diff", "--non-interactive");
    expect(preview.code, preview.text).toBe(0);
    const up = await checkout.pulumi("up", "-s", "dev", "--yes", "--diff", "--non-interactive");
    expect(up.code, up.text).toBe(0);
    // A second change shows old values and new ones.
    checkout.configure({ demo: true, webLogin: true, scrapeInterval: "10s" });
    const again = await checkout.pulumi("preview", "-s", "dev", "--diff", "--non-interactive");
    output = [set, preview, up, again].map(({ text }) => text).join("\n");
    values = [
      chosen,
      ...readdirSync(`${checkout.root()}/secrets`).map((name) =>
        readFileSync(`${checkout.root()}/secrets/${name}`, "utf8"),
      ),
    ];
  });
  afterAll(() => checkout.dispose());

  const holding = (text: string) => values.filter((value) => text.includes(value));
  const filesBelow = (folder: string): readonly string[] =>
    readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((each) => each.isFile())
      .map((each) => join(each.parentPath, each.name));

  it("are several, and long", () => {
    expect(values.length).toBeGreaterThanOrEqual(5);
    for (const value of values) expect(value.length).toBeGreaterThanOrEqual(32);
  });

  it("are not in the output of preview and up, their diffs included", () => {
    expect(output).toContain("vitals:process:Service");
    expect(holding(output)).toEqual([]);
  });

  it("are not in any file of the backend, nor in the stack's settings", () => {
    const files = filesBelow(`${checkout.dir}/.vitals/backend`);
    expect(files.some((file) => file.endsWith("stacks/vitals/dev.json"))).toBe(true);
    for (const file of [...files, `${checkout.dir}/Pulumi.dev.yaml`])
      expect([file, holding(readFileSync(file, "latin1"))]).toEqual([file, []]);
  });

  it("are not in any argument or environment, and the passphrase is in no environment either", () => {
    const pids = checkout.processes();
    expect(pids.length).toBeGreaterThan(10);
    for (const pid of pids) {
      expect([commandLine(pid), holding(commandLine(pid))]).toEqual([commandLine(pid), []]);
      const environment = environmentOf(pid);
      expect(holding(environment)).toEqual([]);
      expect(environment).not.toMatch(/PASSPHRASE|PULUMI_/);
    }
  });

  it("are not in any log", () => {
    const files = filesBelow(`${checkout.root()}/logs`);
    expect(files.length).toBeGreaterThan(10);
    for (const file of files) expect([file, holding(readFileSync(file, "latin1"))]).toEqual([file, []]);
  });

  it("lie in files of mode 0600 that belong to the user of the service, and nowhere else", () => {
    const users = new Map(
      checkout
        .records()
        .flatMap(({ order, identity }) =>
          identity === undefined ? [] : [[order.plan.instance, userOf(identity.pid)]],
        ),
    );
    const secretFiles = filesBelow(checkout.root())
      .filter((file) => !file.includes("/data/"))
      .filter((file) => holding(readFileSync(file, "latin1")).length > 0);
    expect(secretFiles.length).toBeGreaterThanOrEqual(6);
    for (const file of secretFiles) {
      const stat = statSync(file);
      expect([file, (stat.mode & 0o777).toString(8)]).toEqual([file, "600"]);
      const instance = /\/files\/([^/]+)\//.exec(file)?.[1];
      if (instance === undefined) expect(file).toContain("/secrets/");
      else if (users.has(instance)) expect([file, stat.uid]).toEqual([file, users.get(instance)]);
    }
  });

  it("are encrypted with a passphrase that only its owner can read and git ignores", async () => {
    expect(statSync(`${checkout.dir}/.vitals/passphrase`).mode & 0o777).toBe(0o600);
    const ignored = await checkout.start("git", ["check-ignore", ".vitals/passphrase"]).ended;
    expect(ignored.code).toBe(0);
  });

  it("are all that a state folder opens to nobody else", () => {
    const root = checkout.root();
    for (const name of ["secrets", "run", "logs"].map((each) => `${root}/${each}`))
      expect(statSync(name).mode & 0o066).toBe(0);
    expect(statSync(`${root}/key`).mode & 0o777).toBe(0o600);
  });
});
