// What the browser loads: our TypeScript with its types stripped, the style sheet, and uPlot from its package.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";

export interface Asset {
  readonly type: string;
  readonly body: Buffer;
  readonly zipped: Buffer;
  readonly tag: string;
}

const here = import.meta.dirname;
const browser = join(here, "browser");
const uplot = dirname(createRequire(import.meta.url).resolve("uplot"));
const script = "text/javascript; charset=utf-8";
const style = "text/css; charset=utf-8";
const vendored: Readonly<Record<string, readonly [path: string, type: string]>> = {
  "/assets/uplot.js": [join(uplot, "uPlot.esm.js"), script],
  "/assets/uplot.css": [join(uplot, "uPlot.min.css"), style],
  "/assets/viewer.css": [join(browser, "viewer.css"), style],
};

/** An asset by its path, kept once it is made: it changes only with the program. */
export function makeAssets(): (path: string) => Promise<Asset | undefined> {
  const made = new Map<string, Asset>();
  let modules: Promise<ReadonlyMap<string, string>> | undefined;
  const stripped = (): Promise<ReadonlyMap<string, string>> => {
    modules ??= stripAll().catch((error: unknown) => {
      modules = undefined;
      throw error;
    });
    return modules;
  };
  // Ready before the first page asks; a failure is told to the request that needs it.
  stripped().catch(() => {});
  return async (path) => {
    const known = made.get(path);
    if (known !== undefined) return known;
    const fixed = vendored[path];
    const module = path.startsWith("/assets/") ? (await stripped()).get(path.slice("/assets/".length)) : undefined;
    const text = fixed === undefined ? module : await readFile(fixed[0], "utf8");
    if (text === undefined) return undefined;
    // A browser knows no bare names and the security policy allows no import map: the one package gets its path here.
    const body = Buffer.from(
      fixed === undefined ? text.replaceAll(/from\s+"uplot"/g, 'from "/assets/uplot.js"') : text,
    );
    const tag = `"${createHash("sha256").update(body).digest("hex").slice(0, 20)}"`;
    const asset = { type: fixed?.[1] ?? script, body, zipped: gzipSync(body), tag };
    made.set(path, asset);
    return asset;
  };
}

/** The stripping takes 15 MB that are never given back: a process of its own does it once, and ends. */
async function stripAll(): Promise<ReadonlyMap<string, string>> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--no-warnings", join(here, "strip.ts"), browser], {
    maxBuffer: 4 * 1_024 * 1_024,
    timeout: 20_000,
  });
  return new Map(Object.entries(JSON.parse(stdout) as Record<string, string>));
}
