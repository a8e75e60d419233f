// Runbooks are served as pages, and nothing else of the disk is.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runbookRoutes } from "../../exporters/integration-health/runbooks.ts";

const open = async (alert: string) => {
  const route = runbookRoutes["/runbooks/:alert"];
  if (route === undefined) throw new Error("the route is gone");
  return route({ params: { alert }, query: new URLSearchParams(), headers: {} });
};
const files = readdirSync(join(import.meta.dirname, "../../docs/runbooks"));

describe("runbook pages", () => {
  it.each(files)("serves %s, by its name and as the other pages link to it", async (file) => {
    for (const alert of [file, file.replace(".md", "")]) {
      const page = await open(alert);
      expect(page.status).toBe(200);
      expect(page.body).toContain("<h2>First check</h2>");
    }
  });

  it("leads every link to another runbook to a page", async () => {
    for (const file of files)
      for (const [, target = ""] of (await open(file)).body.matchAll(/href="([^":]+)"/g))
        expect(files, `${file} -> ${target}`).toContain(target);
  });

  it.each(["../../package.json", "..%2F..%2Fpackage", "NoSuchAlert", "", "a", "RedisDown/../x"])(
    "refuses %j",
    async (alert) => {
      expect((await open(alert)).status).toBe(404);
    },
  );
});
