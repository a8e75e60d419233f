// Source "go": built from the publisher's Go module, with every module's checksum committed in tools/go.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { chmod, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { lastLines, run } from "../exec.ts";
import type { GoBuild, GoPatch, GoSource } from "../programs.ts";
import { type Attempt, pathFolders, SourceUnavailable } from "./source.ts";

const modules = join(import.meta.dirname, "../go");
const files = join(import.meta.dirname, "../files");

/** Builds all binaries of a program. `folder` holds the wrapper modules. */
export async function fromGo(source: GoSource, attempt: Attempt, folder: string = modules): Promise<void> {
  const go = [...pathFolders(attempt.env), "/usr/local/go/bin"]
    .map((place) => join(place, "go"))
    .find((path) => existsSync(path));
  if (go === undefined) throw new SourceUnavailable("go is not on PATH");
  mkdirSync(join(attempt.staging, "bin"));
  const stop = new AbortController();
  const signal = attempt.signal === undefined ? stop.signal : AbortSignal.any([attempt.signal, stop.signal]);
  // When one build fails, the other one's minutes are saved.
  const builds = source.builds.map((job) =>
    attempt
      .turn(job.weight, () => build(go, job, { ...attempt, signal }, folder))
      .catch((error: unknown) => {
        stop.abort();
        throw error;
      }),
  );
  attempt.doing("waiting for its turn to build");
  const results = await Promise.allSettled(builds);
  const reasons = results.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
  // The build that failed, rather than the one that was stopped because of it.
  if (reasons.length > 0) throw reasons.find((reason) => reason instanceof SourceUnavailable) ?? reasons[0];
}

async function build(go: string, job: GoBuild, attempt: Attempt, folder: string): Promise<void> {
  const { staging, signal, doing } = attempt;
  signal?.throwIfAborted();
  const work = mkdtempSync(join(staging, ".work-"));
  const wrapper = join(work, "wrapper");
  cpSync(join(folder, job.module), wrapper, { recursive: true });
  const env = { ...attempt.env, CGO_ENABLED: "0", GOWORK: "off", GO111MODULE: "on" };
  const options = { cwd: wrapper, env, signal };
  doing(`go build ${job.module}: getting modules`);
  try {
    // Also the check of Go itself: it refuses a module that asks for a newer Go than it is or can get.
    const version = await run(go, ["list", "-mod=readonly", "-m"], options);
    if (version.code !== 0) throw new SourceUnavailable(`Go cannot be used: ${lastLines(version.stderr, 1)}`);
    if (job.patch !== undefined) await patchModule(go, job.patch, work, options);

    let compiled = 0;
    const flags = Object.entries(job.stamp ?? {}).map(([name, value]) => `-X ${name}=${value}`);
    const args = [
      "build",
      "-v",
      "-mod=readonly",
      "-buildvcs=false",
      "-trimpath",
      ...(job.tags === undefined ? [] : ["-tags", job.tags.join(",")]),
      "-ldflags",
      ["-s", "-w", ...flags].join(" "),
      "-o",
      `${join(staging, "bin")}/${job.output ?? ""}`,
      ...job.packages,
    ];
    const onLine = (line: string) => {
      if (line.startsWith("go: downloading")) doing(`go build ${job.module}: getting modules`);
      else doing(`go build ${job.module}: ${++compiled} packages`);
    };
    const built = await run(go, args, { ...options, onLine });
    if (built.code !== 0) throw new SourceUnavailable(`go build failed: ${lastLines(withoutNames(built.stderr), 2)}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Builds from a copy of a module that has our files in it: the module as published lacks the web page that was built into its releases. */
async function patchModule(
  go: string,
  patch: GoPatch,
  work: string,
  options: { cwd: string; env: NodeJS.ProcessEnv; signal: AbortSignal | undefined },
) {
  const got = await run(go, ["mod", "download", "-json", patch.module], options);
  const at = got.code === 0 ? (JSON.parse(got.stdout) as { Dir?: string }).Dir : undefined;
  if (at === undefined)
    throw new SourceUnavailable(
      `${patch.module} cannot be had: ${lastLines(`${got.stderr}${got.stdout}`.replaceAll(/["{}]/g, " "), 2)}`,
    );
  const copy = join(work, "module");
  cpSync(at, copy, { recursive: true });
  await makeWritable(copy);
  for (const { from, to, as } of patch.files) {
    const content = readFileSync(join(files, from));
    mkdirSync(dirname(join(copy, to)), { recursive: true });
    writeFileSync(
      join(copy, to),
      as === "gzip" ? gzipSync(content) : as === "brotli" ? brotliCompressSync(content) : content,
    );
  }
  const file = join(options.cwd, "go.mod");
  writeFileSync(file, `${readFileSync(file, "utf8")}\nreplace ${patch.module} => ${copy}\n`);
}

/** The module cache is read-only, and so is a copy of it: without this it could be neither changed nor removed. */
async function makeWritable(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await makeWritable(path);
    else if (entry.isFile()) await chmod(path, 0o644);
  }
}

/** `go build -v` prints the packages that it compiles among its messages. */
const withoutNames = (text: string): string =>
  text
    .split("\n")
    .filter((line) => /[:\s]/.test(line.trim()) && !line.startsWith("go: downloading"))
    .join("\n");
