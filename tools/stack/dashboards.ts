// The dashboards of a stack that runs here, as its Grafana or the viewer reads them.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf, stackError } from "../../components/errors.ts";
import { layout } from "../../components/platforms/process/layout.ts";
import type { Dashboard } from "../../dashboards/viewer/browser/model.ts";
import type { RunningStack } from "./running.ts";

/** The folder that the running Grafana or its stand-in reads. */
export function provisioned({ stack, root, instances }: RunningStack): string {
  const paths = layout(root);
  const found = instances
    .map(({ instance }) => paths.file(instance, "/var/lib/vitals/dashboards"))
    .find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw stackError(
    stack,
    "has no dashboards on this machine",
    "Start it (npm start), or name a folder: --dashboards DIR.",
  );
}

/** Every dashboard of a folder. Throws a StackError where there is none. */
export function readDashboards(folder: string): readonly Dashboard[] {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")) : [];
  if (names.length === 0)
    throw stackError(folder, "has no dashboard JSON", "Write it there: npm run dashboards -- --out DIR.");
  return names.map((name) => {
    try {
      return JSON.parse(readFileSync(join(folder, name), "utf8")) as Dashboard;
    } catch (error) {
      throw stackError(join(folder, name), messageOf(error), "Write it again: npm run dashboards -- --out DIR.");
    }
  });
}
