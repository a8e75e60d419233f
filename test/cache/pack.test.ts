// The packed library in an empty project: it installs, loads and works without anything of this checkout.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packWorkspace } from "../../tools/pack.ts";
import { redisMissing, startRedis, type TestRedis } from "../support/redis.ts";

const missing = redisMissing();
const checkout = join(import.meta.dirname, "../..");
/** What the example of the README has kept, and has made invalid, as a program of an adopter sees it. */
const ask = `const { up } = (await cache.ready(), cache.stats());
const again = await cache.wrap("patient", 6, () => loadPatient(5));
const kept = await cache.get("patient", 6);
console.log(up, JSON.stringify(patient), JSON.stringify(kept), (await cache.get("patient", 5)) ?? null, cache.stats().policies.patient.l1Hits);`;

/** What an adopter exports, whose compiler writes declarations: it has to be able to name every type. */
const library = `import { createCache, type Policies, type, using } from "@vitals/cache";
interface Visit { readonly id: number; readonly locationId: number }
const policies = {
  visit: { key: "visit:{visit}", of: type<Visit>(), valueTags: (visit: Visit) => [["location", visit.locationId]] },
  visits: { key: "visits:{patient}:{year}", of: type<readonly Visit[]>() },
} as const satisfies Policies;
export const cache = createCache({ redis: { host: "127.0.0.1", port: 6379 }, namespace: "n", policies });
export const { Cacheable, repository } = using(cache);
export const visits = repository("visit", {
  load: async (id) => ({ id: Number(id), locationId: 1 }),
  save: async (_id, value) => void value.locationId,
});
export const known: Promise<Visit | null | undefined> = cache.get("visit", 5);
export class Calendar {
  @Cacheable("visits", (patient: number, year: number) => ({ patient, year }))
  async of(patient: number, year: number): Promise<readonly Visit[]> {
    return [{ id: patient, locationId: year }];
  }
}
// @ts-expect-error: a year is missing
cache.get("visits", { patient: 5 });
`;

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
    const readme = readFileSync(join(project, "node_modules/@vitals/cache/README.md"), "utf8");
    const [example = ""] = /(?<=\n\n)( {4}.*\n|\n(?= {4}))+/.exec(readme) ?? [];
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

  it("has types that a library of an adopter's can pass on", () => {
    writeFileSync(join(project, "library.ts"), library);
    const compilerOptions = {
      ...{ target: "es2023", module: "nodenext", strict: true, exactOptionalPropertyTypes: true },
      ...{ declaration: true, outDir: "out", types: ["node"], typeRoots: [join(checkout, "node_modules/@types")] },
    };
    writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["library.ts"] }));
    const tsc = join(checkout, "node_modules/typescript/bin/tsc");
    const { stdout } = spawnSync(process.execPath, [tsc, "-p", project], { encoding: "utf8" });
    expect(stdout).toBe("");
  });
});
