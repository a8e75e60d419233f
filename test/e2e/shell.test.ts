// Pulumi by hand: what `pulumi -- env` puts into a shell, after which `npx pulumi` works as in any project.
import { delimiter } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Checkout, freshCheckout } from "../support/checkout.ts";

/** A person's own PATH, without what npm and our commands add to it. */
const path = (process.env.PATH ?? "")
  .split(delimiter)
  .filter((folder) => !folder.includes("node_modules"))
  .join(delimiter);

describe("a shell after eval of `npm run --silent pulumi -- env`", () => {
  let checkout: Checkout;
  beforeAll(async () => {
    checkout = await freshCheckout();
  });
  afterAll(() => checkout.dispose());
  const shell = (script: string) =>
    checkout.start("sh", ["-ec", `eval "$(npm run --silent pulumi -- env)"\n${script}`], { PATH: path }).ended;

  it("has its own PATH behind one folder, that of the project's Node", async () => {
    const { code, stdout, text } = await shell('echo "$PATH"; node --version');
    expect(code, text).toBe(0);
    const [first = "", version] = stdout.trim().split("\n");
    expect(first.endsWith(`${delimiter}${path}`)).toBe(true);
    expect(first.slice(0, -path.length - 1)).not.toContain(delimiter);
    expect(version).toMatch(/^v24\./);
  });

  it("runs npx pulumi on the stack of this checkout", async () => {
    const { code, text } = await shell("npx pulumi preview -s dev --non-interactive --color never");
    expect(code, text).toBe(0);
    expect(text).toMatch(/vitals:process:Service +redis +create/);
  });
});
