// What a person is told where Pulumi has not the plugin of a platform.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { pluginMissing } from "../../components/platforms/plugin.ts";
import { versions } from "../../components/versions.ts";

describe.each(["kubernetes", "docker"] as const)("Pulumi's plugin for %s", (name) => {
  it("is told how to be had where it is not, on a closed network too", () => {
    const folder = mkdtempSync(join(tmpdir(), "vitals-plugins-"));
    const missing = (version: string, env: NodeJS.ProcessEnv) =>
      pluginMissing({ name, version, without: "by hand" }, env);
    try {
      const env = { PULUMI_HOME: folder, PATH: "" };
      const text = missing("1.2.3", env) ?? "";
      expect(text).toContain(`pulumi plugin install resource ${name} 1.2.3`);
      expect(text).toMatch(/closed network.*--file/s);
      expect(text).toMatch(/npm run render.*by hand\./);
      const plugin = join(folder, `plugins/resource-${name}-v1.2.3`);
      mkdirSync(plugin, { recursive: true });
      writeFileSync(join(plugin, `pulumi-resource-${name}`), "");
      expect(missing("1.2.3", env)).toBeUndefined();
      expect(missing("1.2.4", env)).toBeDefined();
      expect(missing("1.2.4", { PULUMI_HOME: "/nowhere", PATH: plugin })).toBeUndefined();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

it("is named in the documentation in the version that the stack asks for", () => {
  const text = readFileSync(join(import.meta.dirname, "../../docs/kubernetes.md"), "utf8");
  const { devDependencies } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"));
  expect(text).toContain(`pulumi plugin install resource kubernetes ${devDependencies["@pulumi/kubernetes"]}`);
  expect(text).toContain(`docker-build plugin, version ${versions["docker-build"].version}`);
});
