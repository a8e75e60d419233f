// Where everything of one stack lies on disk. Pure: paths from the state folder alone.
import { join } from "node:path";
import type { Path } from "../../spec.ts";

export interface Layout {
  readonly root: string;
  /** What runs: one JSON file an instance. */
  readonly runFile: (instance: string) => string;
  readonly runDir: string;
  readonly log: (instance: string) => string;
  readonly logDir: string;
  readonly filesDir: (instance: string) => string;
  readonly stageDir: (instance: string) => string;
  readonly file: (instance: string, path: Path) => string;
  readonly volume: (instance: string, volume: string) => string;
  readonly secretFile: (instance: string, name: string) => string;
  readonly supervisorFile: string;
}

export const layout = (root: string): Layout => ({
  root,
  runDir: join(root, "run"),
  runFile: (instance) => join(root, "run", `${instance}.json`),
  logDir: join(root, "logs"),
  log: (instance) => join(root, "logs", `${instance}.log`),
  filesDir: (instance) => join(root, "files", instance),
  stageDir: (instance) => join(root, "stage", instance),
  file: (instance, path) => join(root, "files", instance, path),
  volume: (instance, volume) => join(root, "data", instance, volume),
  secretFile: (instance, name) => join(root, "files", instance, "run/secrets", name),
  supervisorFile: join(root, "supervisor.json"),
});
