// Every resource that an update registers, on every platform and at every size, by its URN; and a release's are found again under new names.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, it } from "vitest";
import { planners, planStack } from "../../components/platforms/index.ts";
import { Provided } from "../../components/platforms/provided.ts";
import { findTool } from "../../tools/resolve.ts";
import {
  most,
  mostButItsLogin,
  mostButItsSecrets,
  mostSecrets,
  rawConfig,
  type Settings,
  sizes,
} from "./kubernetes-stacks.ts";
import { type Registered, registering } from "./mocked.ts";

/** Everything that makes resources. It depends on the machine whether Grafana can be had as a process, so its stand-in is there. */
const everything: Readonly<Record<string, readonly [Settings, readonly string[]]>> = {
  process: [{ ...mostButItsLogin, platform: "process", demo: true, grafana: "off" }, mostButItsSecrets],
  docker: [{ ...most, platform: "docker", demo: true }, mostSecrets],
  kubernetes: [{ ...most, platform: "kubernetes", demo: true, backup: {} }, mostSecrets],
};

/** Resources of each release that are meant to go, and why nothing takes their place in the state. */
const removed: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "0.1.0": {
    "kubernetes vitals:kubernetes:Service$kubernetes:apps/v1:Deployment::integration-health":
      "It keeps what it measured in a volume now, and so is a StatefulSet; it kept nothing before.",
  },
};

const registeredBy = (platform: string, size: string): Promise<readonly Registered[]> => {
  const [settings, secrets] = everything[platform] ?? [{}, []];
  return registering(
    Object.fromEntries(secrets.map((name) => [name, `value-of-${name}`])),
    "generated",
    async (set) => {
      const { config, plan, deploy } = await planStack(rawConfig({ ...settings, size }, secrets));
      deploy(config, plan, set);
    },
  );
};

const shortOf = (urn: string) => urn.replace("urn:pulumi:test::vitals::", "");

/** URNs that were and are no more, that no alias speaks of: each is a resource that an update would delete, and with it what it holds. */
const lost = (before: readonly string[], after: readonly Registered[]): readonly string[] => {
  const known = new Set(after.flatMap(({ urn, aliases }) => [urn, ...aliases].map(shortOf)));
  return before.filter((urn) => !known.has(urn));
};

const folder = join(import.meta.dirname, "releases");
const releases = readdirSync(folder).flatMap((name) => /^(.*)\.resources\.txt$/.exec(name)?.[1] ?? []);
/** A release's list is the snapshot of resources as it was then. */
const listed = (release: string, platform: string): readonly string[] =>
  readFileSync(join(folder, `${release}.resources.txt`), "utf8")
    .split("\n")
    .flatMap((line) => (line.startsWith(`${platform} `) ? (line.split(" ")[1] ?? []) : []));

const missing = ["redis-server", "prometheus", "alertmanager", "jaeger"].filter((tool) => findTool(tool) === undefined);
const why = missing.length === 0 ? "" : ` (skipped: ${missing.join(", ")} not there, npm run tools -- get)`;
const platforms = Object.keys(everything);

describe.skipIf(missing.length > 0)(`what an update registers${why}`, () => {
  const found = new Map<string, ReadonlyMap<string, readonly Registered[]>>();
  const all = (platform: string) => [...(found.get(platform)?.values() ?? [])].flat();
  beforeAll(async () => {
    for (const platform of platforms) {
      const bySize = new Map<string, readonly Registered[]>();
      for (const size of sizes) bySize.set(size, await registeredBy(platform, size));
      found.set(platform, bySize);
    }
  }, 60_000);

  it("is known for every platform", () => {
    expect(platforms.toSorted()).toEqual(Object.keys(planners).toSorted());
  });

  it.each(platforms)("has a URN of its own for each resource at every size: %s", (platform) => {
    for (const size of sizes) {
      const urns =
        found
          .get(platform)
          ?.get(size)
          ?.map(({ urn }) => urn) ?? [];
      expect([size, urns.length > 20]).toEqual([size, true]);
      expect([size, urns.filter((urn, index) => urns.indexOf(urn) !== index)]).toEqual([size, []]);
    }
  });

  it("is this, with the types of the parents before each; a size stands behind what not all sizes have", async () => {
    const lines = platforms.flatMap((platform) =>
      [...Map.groupBy(all(platform), ({ urn }) => shortOf(urn)).keys()].toSorted().map((urn) => {
        const having = sizes.filter((size) =>
          found
            .get(platform)
            ?.get(size)
            ?.some((each) => shortOf(each.urn) === urn),
        );
        return `${platform} ${urn}${having.length === sizes.length ? "" : ` ${having.join(" ")}`}\n`;
      }),
    );
    await expect(lines.join("")).toMatchFileSnapshot("__snapshots__/resources.txt");
  });

  describe.each(releases)("after the release %s", (release) => {
    it.each(platforms)("loses nothing by a new name, type or parent without an alias: %s", (platform) => {
      const before = listed(release, platform);
      expect(before.length).toBeGreaterThan(15);
      const meant = Object.keys(removed[release] ?? {}).filter((key) => key.startsWith(`${platform} `));
      expect(lost(before, all(platform)).map((urn) => `${platform} ${urn}`)).toEqual(meant);
    });
  });
});

describe("a resource that is renamed", () => {
  class Group extends pulumi.ComponentResource {
    constructor(name: string, options: pulumi.ComponentResourceOptions = {}) {
      super("vitals:test:Group", name, {}, options);
    }
  }
  const part = (name: string, options: pulumi.CustomResourceOptions) => new Provided("a:b:Part", name, {}, options);
  const run = (register: () => void) => registering({}, "", async () => register());
  const before = [
    "vitals:test:Group::old",
    "vitals:test:Group$a:b:Part::old-data",
    "vitals:test:Group$a:b:Part::other",
  ];
  const parts = (parent: pulumi.Resource, name = "old-data") => [part(name, { parent }), part("other", { parent })];

  it("is found by the alias of its own or of its parent, with the names that its children had of it", async () => {
    expect(lost(before, await run(() => parts(new Group("old"))))).toEqual([]);
    const named = await run(() => parts(new Group("new", { aliases: [{ name: "old" }] }), "new-data"));
    expect(lost(before, named)).toEqual([]);
    const moved = await run(() => {
      const parent = new Group("old");
      part("new-data", { parent, aliases: [{ name: "old-data" }] });
      part("other", { aliases: [{ parent }] });
    });
    expect(lost(before, moved)).toEqual([]);
  });

  it("is lost without one, whether its name, its type, its parent or its parent's type is a new one", async () => {
    expect(lost(before, await run(() => parts(new Group("new"))))).toEqual(["vitals:test:Group::old"]);
    expect(lost(before, await run(() => parts(new Group("old"), "new-data")))).toEqual([before[1]]);
    const orphans = await run(() => [new Group("old"), part("old-data", {}), part("other", {})]);
    expect(lost(before, orphans)).toEqual(before.slice(1));
    const typed = await run(() => parts(new pulumi.ComponentResource("vitals:test:Other", "old")));
    expect(lost(before, typed)).toEqual(before);
  });
});
