// Mistakes in a configuration as a person meets them at the command line: every one at once, with its remedy.
import { chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { everyMistake, problemsIn } from "../platforms/mistakes.ts";
import { type Checkout, freshCheckout } from "../support/checkout.ts";

describe("a configuration with mistakes", () => {
  let checkout: Checkout;
  beforeAll(async () => {
    checkout = await freshCheckout();
  });
  afterAll(() => checkout.dispose());
  const preview = () => checkout.pulumi("preview", "-s", "dev", "--non-interactive", "--color", "never");

  it("has every one of them told by one preview", async () => {
    const { settings, secrets, places } = everyMistake;
    checkout.configure(settings);
    for (const name of secrets) await checkout.pulumi("config", "set", "-s", "dev", "--secret", `vitals:${name}`, "x");
    const { code, text } = await preview();
    expect(code).not.toBe(0);
    expect(problemsIn(text)).toEqual(places.map((place) => expect.stringMatching(place)));
    expect(text).not.toMatch(/\n +at .+:\d+:\d+/);
  });

  it("has values told that Pulumi itself would stop at", async () => {
    checkout.configure({ portOffset: "abc", demo: "maybe", retention: ["soon"] });
    const { code, text } = await checkout.run("start");
    expect(code).not.toBe(0);
    expect(problemsIn(text)).toEqual([
      'vitals:demo: is "maybe": must be true or false',
      'vitals:portOffset: is "abc": must be a whole number',
      expect.stringMatching(/^vitals:retention: is .*soon/),
    ]);
  });

  it("can be ended all the same", async () => {
    const { code, text } = await checkout.run("stop");
    expect(code, text).toBe(0);
  });

  it.each([
    ["is no YAML", 'config:\n  vitals:demo: "true"\n   vitals:retention: 5d\n', "cannot be read: "],
    ["has no settings where they belong", "config:\n  - vitals:demo\n", "its config is no map"],
  ])("that %s is told with the file and what to do", async (_case, text, what) => {
    checkout.write("Pulumi.dev.yaml", text);
    const ran = await preview();
    expect(ran.code).toBe(1);
    expect(ran.text).toContain(`Pulumi.dev.yaml: ${what}`);
    expect(ran.text).toMatch(/\n {2}-> Correct the file/);
  });

  const asRoot = process.getuid?.() === 0;
  it.skipIf(!asRoot)("of another user are left alone, whoever comes", async () => {
    checkout.configure({});
    const folder = join(checkout.dir, ".vitals");
    mkdirSync(folder, { recursive: true });
    chownSync(folder, 1, 1);
    try {
      for (const command of ["status", "stop", "start"]) {
        const { code, text } = await checkout.run(command);
        expect(text).toContain(
          `${folder}: belongs to user 1, and so do the stacks of this checkout\n  -> Run as that user`,
        );
        expect(code).toBe(1);
      }
    } finally {
      chownSync(folder, 0, 0);
    }
  });
});
