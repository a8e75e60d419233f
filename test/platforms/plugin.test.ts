// What a person is told where Pulumi has not the plugin of a platform.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { planStack } from "../../components/platforms/index.ts";
import { buildPlugins, dockerPlugin, kubernetesPlugin, pluginMissing } from "../../components/platforms/plugin.ts";
import { versions } from "../../components/versions.ts";

afterEach(() => vi.unstubAllEnvs());

const pushed = { reference: "r/vitals:1", services: [], to: "registry" } as const;
const plugins = [kubernetesPlugin(), dockerPlugin(), ...buildPlugins(pushed)];

describe.each(plugins.map((plugin) => [plugin.name, plugin] as const))("Pulumi's plugin %s", (name, plugin) => {
  it("is told how to be had where it is not, on a closed network too, and how to do without it", () => {
    const folder = mkdtempSync(join(tmpdir(), "vitals-plugins-"));
    const { version } = plugin;
    try {
      const env = { PULUMI_HOME: folder, PATH: "" };
      const text = pluginMissing(plugin, env) ?? "";
      expect(text).toContain(`pulumi plugin install resource ${name} ${version}`);
      expect(text).toMatch(/closed network.*--file/s);
      expect(text).toMatch(/-> Without .*(npm run render|npm run image)/);
      const place = join(folder, `plugins/resource-${name}-v${version}`);
      mkdirSync(place, { recursive: true });
      writeFileSync(join(place, `pulumi-resource-${name}`), "");
      expect(pluginMissing(plugin, env)).toBeUndefined();
      const newer = { ...plugin, version: `${version}9` };
      expect(pluginMissing(newer, env)).toBeDefined();
      expect(pluginMissing(newer, { PULUMI_HOME: "/nowhere", PATH: place })).toBeUndefined();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

it("is asked for by the platform that needs it, and that for images where one is built", async () => {
  const needed = async (values: Readonly<Record<string, string>>) => {
    // Nothing of Pulumi's is there.
    vi.stubEnv("PULUMI_HOME", "/nowhere");
    vi.stubEnv("PATH", "");
    const { notices } = await planStack({ environment: "test", values, secretKeys: [] });
    return notices.map((notice) => /^Pulumi's (\S+) plugin/.exec(notice)?.[1]);
  };
  const registry = "registry.example.com/team";
  expect(await needed({ platform: "kubernetes", registry })).toEqual(["kubernetes", "docker-build"]);
  expect(await needed({ platform: "kubernetes", registry, buildImage: "false" })).toEqual(["kubernetes"]);
  expect(await needed({ platform: "docker" })).toEqual(["docker", "docker-build"]);
});

it("is named in the documentation in the version that the stack asks for", () => {
  const text = readFileSync(join(import.meta.dirname, "../../docs/kubernetes.md"), "utf8");
  const { devDependencies } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"));
  expect(text).toContain(`pulumi plugin install resource kubernetes ${devDependencies["@pulumi/kubernetes"]}`);
  expect(text).toContain(`docker-build plugin, version ${versions["docker-build"].version}`);
});
