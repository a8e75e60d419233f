// The packed library in an empty project: it installs, loads and works without anything of this checkout.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packWorkspace } from "../../tools/pack.ts";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.ts";

const missing = redisMissing();
const readme = join(import.meta.dirname, "../../cache/README.md");
/** What the example of the README has kept, and has made invalid, as a program of an adopter sees it. */
const ask = `const { up } = (await cache.ready(), cache.stats());
const again = await cache.wrap("patient", 6, () => loadPatient(5));
const kept = await cache.get("patient", 6);
console.log(up, JSON.stringify(patient), JSON.stringify(kept), (await cache.get("patient", 5)) ?? null, cache.stats().policies.patient.l1Hits);`;

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

  it("installs into an empty project, and does there what its README says", async () => {
    const tarball = await packWorkspace("cache", project);
    writeFileSync(join(project, "package.json"), '{ "type": "module" }\n');
    const inProject = { cwd: project, encoding: "utf8" } as const;
    execFileSync("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", tarball], inProject);
    const [example = ""] = /(?<=\n\n)( {4}.*\n|\n(?= {4}))+/.exec(readFileSync(readme, "utf8")) ?? [];
    writeFileSync(
      join(project, "main.js"),
      `${example.replace("6379", String(server.port)).replace("await cache.close()", `${ask}\n$&`)}
async function loadPatient(id) { return { name: "patient " + id }; }`,
    );
    const env = {
      ...process.env,
      CACHE_KEY: Buffer.alloc(32, 1).toString("base64"),
      CACHE_SECRET: "a secret of this test",
    };
    expect(execFileSync(process.execPath, ["main.js"], { ...inProject, env })).toBe(
      'true {"name":"patient 5"} {"name":"patient 5"} null 1\n',
    );
  });
});
