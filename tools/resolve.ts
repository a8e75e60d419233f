// Finds a program that `npm run tools -- get` has put in place, without starting anything.
import { dirname, join } from "node:path";
import { stackError } from "../components/errors.ts";
import { findCached, findOnPath, toolsDir } from "./cache.ts";
import { programOf } from "./programs.ts";

export interface Tool {
  readonly path: string;
  readonly version: string;
  readonly source: string;
  /** The folder of a program's own files (Grafana's home path); beside `bin` for cached tools. */
  readonly home: string;
}

/** The tool, or undefined when it is not there. */
export function findTool(binary: string, dir: string = toolsDir()): Tool | undefined {
  const program = programOf(binary);
  if (program === undefined)
    throw stackError(
      `tool ${binary}`,
      "no program in tools/programs.ts has this binary",
      "correct the name, or add it there",
    );
  const record = findOnPath(program, dir);
  const onPath = record?.binaries[binary];
  if (record !== undefined && onPath !== undefined)
    return {
      path: onPath.path,
      version: record.version,
      source: "path",
      home: record.home ?? dirname(dirname(onPath.path)),
    };
  const cached = findCached(program, dir);
  if (cached === undefined) return undefined;
  const { folder, manifest } = cached;
  return {
    path: join(folder, manifest.binaries[binary] ?? ""),
    version: manifest.version,
    source: manifest.source,
    home: folder,
  };
}

/** The tool, or an error that says how to get it. */
export function resolveTool(binary: string, dir: string = toolsDir()): Tool {
  const tool = findTool(binary, dir);
  if (tool !== undefined) return tool;
  throw stackError(`tool ${binary}`, `not on PATH and not in ${dir}`, "run npm run tools -- get");
}
