// What may be said of an error: its kind, and the places in the code. Never its message, which may quote anything.
import { existsSync } from "node:fs";
import { isBuiltin } from "node:module";
import { relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { codeOf } from "./error-codes.ts";
import type { Attributes } from "./redact.ts";

/** The kind of an error: its code when it has one, else its class. */
export function typeOf(thrown: unknown): Attributes {
  const code = codeOf(thrown);
  if (code !== undefined) return { "error.type": code };
  // Its names that have a number are a closed list, such as `TimeoutError`; any other may be anything.
  if (thrown instanceof DOMException && thrown.code > 0) return { "error.type": thrown.name };
  return { "error.type": thrown instanceof Error ? thrown.constructor.name : "thrown" };
}

/** The kind of an error, and where in our code it was thrown. */
export function failureOf(thrown: unknown): Attributes {
  const own = framesOf(thrown).findLast(({ in_app }) => in_app);
  return { ...typeOf(thrown), ...(own && { "error.place": `${own.filename}:${own.lineno}` }) };
}

export interface Frame {
  readonly function: string;
  readonly filename: string;
  readonly lineno: number;
  /** Whether it is the program's own code. */
  readonly in_app: boolean;
}

const place =
  /^\s+at (?:(?:async )?(?:new )?([\w$.<>]{1,80})(?: \[as [\w$]+\])? \()?((?:file:\/\/)?\/[^:()]+|node:[\w/]+):(\d+):\d+\)?$/;

/** The places of the stack, the outermost first as Sentry wants it; files relative to where the program runs. */
export function framesOf(thrown: unknown): readonly Frame[] {
  return placesOf(thrown)
    .slice(0, 30)
    .flatMap((line) => {
      const [, name, written = "", lineno] = place.exec(line) ?? [];
      const file = fileOf(written);
      if (file === undefined) return [];
      const [inPackage] = /node_modules\/.*$/.exec(file) ?? [];
      const filename = inPackage ?? (file.startsWith("node:") ? file : relative(process.cwd(), file));
      const own = inPackage === undefined && !file.startsWith("node:");
      return [{ function: name ?? "?", filename, lineno: Number(lineno), in_app: own }];
    })
    .toReversed();
}

/**
 * The lines of the stack below the message, which may have lines that look like places. V8 writes both when it is asked for the first time:
 * where the message has another length now than it had then, nothing tells where it ends.
 */
function placesOf(thrown: unknown): readonly string[] {
  if (!(thrown instanceof Error)) return [];
  const { stack, message } = thrown as { readonly stack?: unknown; readonly message?: unknown };
  if (typeof stack !== "string" || typeof message !== "string") return [];
  const [name = ""] = /^[\w$.]+(?: \[\w+\])?/.exec(stack) ?? [];
  const head = message === "" ? `${name}\n` : `${name}: ${message}\n`;
  return stack.startsWith(head) ? stack.slice(head.length).split("\n") : [];
}

const mostFiles = 1_000;
const files = new Map<string, string | undefined>();

/** The file of a place, if there is one. A storm of errors does not ask the disk each time. */
function fileOf(written: string): string | undefined {
  if (files.has(written)) return files.get(written);
  if (files.size >= mostFiles) files.clear();
  const found = written.startsWith("node:") ? builtin(written) : existing(written);
  files.set(written, found);
  return found;
}

const builtin = (name: string): string | undefined =>
  isBuiltin(name) || name.startsWith("node:internal/") ? name : undefined;

/** Of a message that was cut at the end of a line, the rest is like places in all but this: their files exist. */
function existing(written: string): string | undefined {
  const url = written.startsWith("file:") ? new URL(written) : pathToFileURL(written);
  return existsSync(url) ? fileURLToPath(url) : undefined;
}
