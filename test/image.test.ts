// Our own image: it holds what its entries load, and nothing that none of them needs.
import { readFileSync } from "node:fs";
import { isBuiltin, stripTypeScriptTypes } from "node:module";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { imageArguments, imageFiles, imageHash } from "../components/image.ts";
import { prepareEntry } from "../components/platforms/docker/plan.ts";
import { checkout, ownUser } from "../components/platforms/images.ts";
import { planner } from "../components/platforms/kubernetes/platform.ts";
import { describe as describeStack } from "../components/stack.ts";
import { versions } from "../components/versions.ts";
import { configFor, mostButItsLogin, mostButItsSecrets } from "./platforms/kubernetes-stacks.ts";

const read = (path: string) => readFileSync(join(checkout, path), "utf8");
const files = imageFiles(checkout);

/** Every entry of our own that a stack runs. */
function entries(): readonly string[] {
  const specs = (["auto", "off"] as const).flatMap((grafana) => {
    const config = configFor({ ...mostButItsLogin, demo: true, backup: {}, grafana }, mostButItsSecrets);
    return describeStack(config, planner.surroundings(config)).specs;
  });
  return [...new Set([...specs.flatMap(({ artifact }) => artifact.node ?? []), prepareEntry])].toSorted();
}

/** What a file loads once its types are stripped. */
const importsOf = (path: string): readonly string[] =>
  [...stripTypeScriptTypes(read(path)).matchAll(/(?:^|[\s;])(?:import|from|require)\s*\(?\s*"([^"]+)"/gm)].map(
    ([, target = ""]) => target,
  );

function loaded(): { readonly own: ReadonlySet<string>; readonly packages: ReadonlySet<string> } {
  const [own, packages] = [new Set<string>(), new Set<string>()];
  const visit = (path: string): void => {
    if (own.has(path)) return;
    own.add(path);
    for (const target of importsOf(path))
      if (target.startsWith(".")) visit(normalize(join(dirname(path), target)));
      else if (!isBuiltin(target)) packages.add(target.split("/", target.startsWith("@") ? 2 : 1).join("/"));
  };
  entries().forEach(visit);
  return { own, packages };
}

describe("our own image", () => {
  it("holds every file that its entries load", () => {
    for (const entry of ["exporters/main.ts", "backup/main.ts", "dashboards/viewer/main.ts"])
      expect(entries()).toContain(entry);
    expect([...loaded().own].filter((path) => !files.includes(path))).toEqual([]);
  });

  it("holds every package that they load, and none besides", () => {
    const dependencies = ["package.json", "telemetry/package.json"].flatMap((path) => {
      const manifest = JSON.parse(read(path)) as { readonly dependencies: Readonly<Record<string, string>> };
      return Object.keys(manifest.dependencies);
    });
    const inPages = ["uplot", "swagger-ui-dist"];
    expect([...new Set([...loaded().packages, ...inPages])].toSorted()).toEqual([...new Set(dependencies)].toSorted());
  });

  it("holds nothing of the stack's own making, no test and no secret", () => {
    expect(files.filter((path) => /^(components\/(services|stack)|test|tools|alerts|\.)/.test(path))).toEqual([]);
    expect(files.filter((path) => /(^|\/)\.|secret|passphrase/i.test(path))).toEqual([]);
  });

  it("stands on the base that versions.ts names", () => {
    expect(/^ARG NODE_IMAGE=(.+)$/m.exec(read("Dockerfile"))?.[1]).toBe(versions.node.image);
  });

  it("ends as a user who is nobody, on nothing but what is copied into it", () => {
    const last =
      read("Dockerfile")
        .split(/^FROM /m)
        .at(-1) ?? "";
    expect(last).toMatch(/^scratch\n/);
    expect(last.match(/^USER .*$/gm)).toEqual([`USER ${ownUser.uid}:${ownUser.gid}`]);
    expect(last).not.toMatch(/^RUN /m);
  });

  it("has a tag that follows its base", () => {
    const base = versions.node.image;
    expect(imageHash(checkout, base)).toMatch(/^[0-9a-f]{12}$/);
    expect(imageHash(checkout, base)).toBe(imageHash(checkout, base));
    expect(imageHash(checkout, `${base}@sha256:${"0".repeat(64)}`)).not.toBe(imageHash(checkout, base));
  });

  it("takes every build argument that is handed over", () => {
    for (const name of Object.keys(imageArguments(checkout, versions.node.image, "code")))
      expect(read("Dockerfile")).toMatch(new RegExp(`^ARG ${name}\\b`, "m"));
  });
});
