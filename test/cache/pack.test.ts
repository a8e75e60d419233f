// The packed library in an empty project: it installs, loads and works without anything of this checkout.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packWorkspace } from "../../tools/pack.ts";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.ts";

const missing = redisMissing();

describe.skipIf(missing !== undefined)(`the packed cache${missing === undefined ? "" : ` (${missing})`}`, () => {
  let project: string;
  let server: TestRedis;
  beforeAll(async () => {
    project = mkdtempSync(join(tmpdir(), "vitals-cache-adopter-"));
    server = await startRedis();
  });
  afterAll(async () => {
    rmSync(project, { recursive: true, force: true });
    await server.stop();
  });

  it("installs into an empty project and caches there", async () => {
    const tarball = await packWorkspace("cache", project);
    writeFileSync(join(project, "package.json"), '{ "type": "module" }\n');
    const inProject = { cwd: project, encoding: "utf8" } as const;
    execFileSync("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", tarball], inProject);
    writeFileSync(
      join(project, "main.js"),
      `import { createCache } from "@vitals/cache";
const cache = createCache({ redis: { host: "127.0.0.1", port: ${server.port} }, namespace: "adopter", policies: { note: { key: "note:{note}", ttl: 60 } } });
await cache.ready();
const load = async () => "loaded";
console.log(await cache.wrap("note", 1, load), await cache.get("note", 1), cache.stats().policies.note.loads);
await cache.close();`,
    );
    expect(execFileSync(process.execPath, ["main.js"], inProject)).toBe("loaded loaded 1\n");
  });
});
