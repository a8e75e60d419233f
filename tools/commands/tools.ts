// Lists the programs that the stack and its tests run, or gets them: npm run tools -- get [names].
import { stackError } from "../../components/errors.ts";
import { versions } from "../../components/versions.ts";
import { acquire } from "../acquire.ts";
import { toolsDir } from "../cache.ts";
import { imagesToPin, pinImages } from "../pin-images.ts";
import { type Program, platformKey, programs, type SourceKind, stackPrograms, testedPrograms } from "../programs.ts";
import { findTool } from "../resolve.ts";
import { command, UsageError } from "../stack/command.ts";

const help = `npm run tools                     list the programs: version, source, use, path
npm run tools -- get              get all that are missing and the stack runs
npm run tools -- get --tests      get those too that only the tests run
npm run tools -- get redis pulumi get these
npm run tools -- --pin-images     resolve the digests of all images from their registries into images.lock.json
  --json                          print the result as JSON
  --skip SOURCE                   do not ask this source (path, cache, release, debian, go, npm); may be repeated

Cached under ${toolsDir()} (VITALS_TOOLS_DIR changes that).
VITALS_RELEASE_BASE_<PROGRAM> names a mirror of a publisher's release archives.
Exit code: 0 all programs that the stack needs are there, 1 one is missing, 2 wrong usage.`;

const plans: Record<SourceKind, string> = {
  path: "PATH",
  release: "the publisher's release",
  debian: "the Debian package",
  go: "a Go build",
  npm: "the npm package",
};

const options = {
  json: { type: "boolean", default: false },
  tests: { type: "boolean", default: false },
  "pin-images": { type: "boolean", default: false },
  skip: { type: "string", multiple: true, default: [] as string[] },
} as const;

await command(
  help,
  options,
  async ({ values, positionals }) => {
    if (values["pin-images"] === true) {
      if (positionals.length > 0)
        throw new UsageError(`--pin-images pins all images; "${positionals.join(" ")}" is too much.`);
      await pinImages(imagesToPin(), console.error, stopSignal());
      return 0;
    }
    const [verb = "list", ...names] = positionals;
    const skip = values.skip as readonly SourceKind[];
    const sources = [...Object.keys(plans), "cache"];
    refuseUnknown([verb], ["list", "get"], "what it does");
    refuseUnknown(
      names,
      programs.map(({ name }) => name),
      "the programs",
    );
    refuseUnknown(skip, sources, "the sources");
    // It says so where nothing can be had at all.
    if (platformKey() === undefined) await acquire();
    const all = verb === "list" ? programs : values.tests === true ? testedPrograms : stackPrograms;
    const only = names.length === 0 ? all : programs.filter(({ name }) => names.includes(name));
    return verb === "get" ? get(only, skip, values.json === true) : list(only, values.json === true);
  },
  { names: true },
);

function refuseUnknown(given: readonly string[], known: readonly string[], what: string): void {
  const unknown = given.filter((each) => !known.includes(each));
  if (unknown.length > 0) throw new UsageError(`"${unknown.join(" ")}" is not known; ${what}: ${known.join(", ")}.`);
}

function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(name, () =>
      stop.abort(stackError("tools", `stopped by ${name}`, "Run it again: what is there already stays.")),
    );
  return stop.signal;
}

async function get(only: readonly Program[], skip: readonly SourceKind[], json: boolean): Promise<number> {
  const result = await acquire({ only, skip, signal: stopSignal() });
  if (json) console.log(JSON.stringify(result, null, 2));
  return 0;
}

function list(only: readonly Program[], json: boolean): number {
  const rows = only.flatMap((program) =>
    program.binaries.map(({ name }) => {
      const tool = findTool(name);
      const would = program.sources.map(({ kind }) => plans[kind]).join(", then ");
      return {
        program: name,
        version: tool?.version ?? `(${versions[program.name].version})`,
        source: tool?.source ?? "missing",
        use: program.use ?? "stack",
        path: tool?.path ?? `would try ${would}`,
        optional: program.optional ?? false,
      };
    }),
  );
  if (json) console.log(JSON.stringify(rows, null, 2));
  else table(rows.map(({ program, version, source, use, path }) => [program, version, source, use, path]));
  const missing = rows.some(({ source, optional, use }) => source === "missing" && !optional && use === "stack");
  if (missing && !json) console.error('Get what is missing with "npm run tools -- get".');
  return missing ? 1 : 0;
}

function table(rows: readonly (readonly string[])[]): void {
  const all = [["PROGRAM", "VERSION", "SOURCE", "USE", "PATH"], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  for (const row of all)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    );
}
