// What the browser loads: our TypeScript with its types stripped, the style sheet, and uPlot from its package.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire, stripTypeScriptTypes } from "node:module";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";

export interface Asset {
  readonly type: string;
  readonly body: Buffer;
  readonly zipped: Buffer;
  readonly tag: string;
}

const here = import.meta.dirname;
const uplot = dirname(createRequire(import.meta.url).resolve("uplot"));
const script = "text/javascript; charset=utf-8";
const style = "text/css; charset=utf-8";
const vendored: Readonly<Record<string, readonly [path: string, type: string]>> = {
  "/assets/uplot.js": [join(uplot, "uPlot.esm.js"), script],
  "/assets/uplot.css": [join(uplot, "uPlot.min.css"), style],
  "/assets/viewer.css": [join(here, "browser", "viewer.css"), style],
};

/** An asset by its path, kept once it is made: it changes only with the program. */
export function makeAssets(): (path: string) => Promise<Asset | undefined> {
  const made = new Map<string, Promise<Asset>>();
  return (path) => {
    const known = made.get(path);
    if (known !== undefined) return known;
    const source = sourceOf(path);
    if (source === undefined) return Promise.resolve(undefined);
    const asset = load(...source).catch((error: unknown) => {
      made.delete(path);
      throw error;
    });
    made.set(path, asset);
    return asset;
  };
}

function sourceOf(path: string): readonly [path: string, type: string] | undefined {
  const fixed = vendored[path];
  if (fixed !== undefined) return fixed;
  const module = /^\/assets\/((?:panels\/)?[a-z-]+\.ts)$/.exec(path)?.[1];
  return module === undefined ? undefined : [join(here, "browser", module), script];
}

async function load(path: string, type: string): Promise<Asset> {
  const text = await readFile(path, "utf8");
  // A browser knows no bare names and the security policy allows no import map: the one package gets its path here.
  const body = Buffer.from(
    path.endsWith(".ts") ? strip(text).replaceAll(/from\s+"uplot"/g, 'from "/assets/uplot.js"') : text,
  );
  return {
    type,
    body,
    zipped: gzipSync(body),
    tag: `"${createHash("sha256").update(body).digest("hex").slice(0, 20)}"`,
  };
}

/** Node says on every first use that its stripping is experimental; the log of a service needs that not. */
function strip(text: string): string {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(text);
  } finally {
    process.emitWarning = emitWarning;
  }
}
