// What may be said of an error: its kind, and the places in the code. Never its message, which may quote anything.
import { relative } from "node:path";
import type { Attributes } from "./redact.ts";

/** The kind of an error: its code when it has one, else its class. */
export function typeOf(thrown: unknown): Attributes {
  const { code } = Object(thrown) as { readonly code?: unknown };
  // What Node, libraries and PostgreSQL call their errors; any other text may be anything.
  if (typeof code === "string" && /^(?:E[A-Z0-9]+|[A-Z]+(?:_[A-Z]+)+)$/.test(code)) return { "error.type": code };
  if (typeof code === "string" && /^[0-9A-Z]{5}$/.test(code)) return { "error.type": `sqlstate_${code}` };
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
  /^\s+at (?:(?:async )?(?:new )?([\w$.<>]{1,80})(?: \[as [\w$]+\])? \()?(?:file:\/\/)?(\/[^:()]+|node:[\w/]+):(\d+):\d+\)?$/;

/** The places of the stack, the outermost first as Sentry wants it; files relative to where the program runs. */
export function framesOf(thrown: unknown): readonly Frame[] {
  if (!(thrown instanceof Error)) return [];
  const { stack = "", message } = thrown;
  // The message stands before the places, and may have lines that look like some; one that was changed since stands there as it was.
  const at = stack.indexOf(message);
  if (at < 0) return [];
  const lines = stack.slice(at + message.length).split("\n");
  return lines
    .flatMap((line) => {
      const [, name, file, lineno] = place.exec(line) ?? [];
      if (file === undefined) return [];
      const [inPackage] = /node_modules\/.*$/.exec(file) ?? [];
      const filename = inPackage ?? (file.startsWith("node:") ? file : relative(process.cwd(), file));
      const own = inPackage === undefined && !file.startsWith("node:");
      return [{ function: name ?? "?", filename, lineno: Number(lineno), in_app: own }];
    })
    .slice(0, 30)
    .toReversed();
}
