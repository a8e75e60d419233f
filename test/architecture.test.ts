// The arrows of the architecture, read from the imports; and what no file of the project may hold.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const tracked = execFileSync("git", ["-C", root, "ls-files", "-co", "--exclude-standard"], { encoding: "utf8" })
  .trim()
  .split("\n")
  // Deleted, but not yet committed.
  .filter((path) => existsSync(join(root, path)));
const sources = tracked.filter((path) => path.endsWith(".ts") && !path.startsWith("test/"));

/** Layers from the ground up; the first pattern that matches a path decides. An import may only go down or stay level. */
const layers: readonly (readonly [RegExp, number, string])[] = [
  [/^components\/(?:config\/\w+|errors|units|versions|spec|config|code-hash|image|http|arguments)\.ts$/, 0, "ground"],
  [/^tools\/(resolve|cache|programs|test-programs)\.ts$/, 1, "finding tools"],
  [/^telemetry\//, 1, "telemetry"],
  [/^cache\//, 1, "cache"],
  [/^records\//, 1, "the clinic's records"],
  [
    /^components\/(?:server|methods|api-docs|config-file|departure|last-words|ticks|tokens)\.ts$/,
    2,
    "what HTTP programs share",
  ],
  [/^(components\/services|exporters|alerts|backup|dashboards|demo|gateway|relay)\//, 2, "leaves"],
  [/^components\/stack\.ts$/, 3, "stack"],
  [/^components\/platforms\//, 4, "platforms"],
  [/^(index|program)\.ts$/, 5, "program"],
  [/^tools\//, 6, "commands"],
];
const layerOf = (path: string) => layers.find(([pattern]) => pattern.test(path));

const importsOf = (path: string): readonly string[] =>
  [
    ...readFileSync(join(root, path), "utf8").matchAll(
      /^(?:import|export)\b[^;]*?from\s*"([^"]+)"|\bimport\("([^"]+)"\)/gm,
    ),
  ].map(([, plain, lazy]) => plain ?? lazy ?? "");
const local = (from: string, target: string) => normalize(join(dirname(from), target));

describe("architecture", () => {
  it("finds sources and imports at all", () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(importsOf("program.ts")).toContain("./components/platforms/index.ts");
  });

  it("gives every source a layer", () => {
    const without = sources.filter((path) => layerOf(path) === undefined && path !== "vitest.config.ts");
    expect(without).toEqual([]);
  });

  it("lets no import point upwards", () => {
    const upwards = sources.flatMap((from) =>
      importsOf(from)
        .filter((target) => target.startsWith("."))
        .map((target) => local(from, target))
        .filter((to) => (layerOf(to)?.[1] ?? 0) > (layerOf(from)?.[1] ?? Number.POSITIVE_INFINITY))
        .map((to) => `${from} -> ${to}`),
    );
    expect(upwards).toEqual([]);
  });

  it("lets exporters, alerts, dashboards and demo know nothing of each other but links, and none of them a service", () => {
    const groups = ["exporters", "alerts", "dashboards", "demo", "gateway", "relay", "components/services"];
    const groupOf = (path: string) => groups.find((group) => path.startsWith(`${group}/`));
    const allowed = (from: string, to: string) =>
      groupOf(from) === "components/services" || /^dashboards\/link\.ts$/.test(to);
    const across = sources.flatMap((from) =>
      importsOf(from)
        .filter((target) => target.startsWith("."))
        .map((target) => local(from, target))
        .filter(
          (to) =>
            groupOf(from) !== undefined &&
            groupOf(to) !== undefined &&
            groupOf(from) !== groupOf(to) &&
            !allowed(from, to),
        )
        .map((to) => `${from} -> ${to}`),
    );
    expect(across).toEqual([]);
  });

  it.each([
    ["@pulumi/", /^((index|program)\.ts|components\/platforms\/|tools\/bench\/stand-in\/)/],
    ["prom-client", /^telemetry\/metrics\.ts$/],
  ])("keeps %s where it belongs", (library, where) => {
    const users = sources.filter((path) => importsOf(path).some((target) => target.startsWith(library)));
    expect(users.length).toBeGreaterThan(0);
    expect(users.filter((path) => !where.test(path))).toEqual([]);
  });

  it("installs nothing that tells others of an installation", () => {
    const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
      readonly packages: Readonly<Record<string, { readonly name?: string }>>;
    };
    expect(lock.packages["node_modules/@scarf/scarf"]?.name).toBe("empty-npm-package");
    expect(readFileSync(join(root, "node_modules/@scarf/scarf/package.json"), "utf8")).not.toContain("postinstall");
  });

  it("names no registry's host and no home folder in any tracked file", () => {
    const texts = tracked.filter((path) => !/\.(png|sum|mod)$/.test(path) && path !== "test/architecture.test.ts");
    const found = texts.filter((path) =>
      /https?:\/\/(registry|proxy|files|deb|repo1?)\.|(^|[^a-z.])\/(home|Users)\/[a-z]/m.test(
        readFileSync(join(root, path), "utf8"),
      ),
    );
    expect(found).toEqual([]);
    // What is left are the links to the workspaces.
    expect(readFileSync(join(root, "package-lock.json"), "utf8")).not.toMatch(/"resolved": "(?!\w+")/);
  });
});
