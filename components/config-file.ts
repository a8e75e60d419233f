// A program's configuration file: read, validated with all problems at once, and watched for a replacement.
import { readFile, stat } from "node:fs/promises";
import type { z } from "zod";
import { listingKeys, remedyOf } from "./config/unknown.ts";
import { type Problem, StackError, stackError } from "./errors.ts";

/** Configuration files are small; a bigger one is something else. */
const largest = 4 * 2 ** 20;

/** Reads and validates. The error names places and what is expected there, never the values: a URL may hold a token. */
export async function readConfig<C>(path: string, shape: z.ZodType<C>): Promise<C> {
  const text = await readText(path);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw stackError(path, "is not JSON", "Correct the file; it must hold one JSON object.");
  }
  const result = shape.safeParse(parsed, listingKeys);
  if (result.success) return result.data;
  throw new StackError(result.error.issues.flatMap((issue) => describe(path, issue)));
}

/** Calls `changed` when the file is no longer the one of the mark. Works with renames and with links that are swapped. */
export function watchFile(
  path: string,
  {
    mark,
    everyMs,
    changed,
  }: { readonly mark: string; readonly everyMs: number; readonly changed: () => Promise<void> },
): { readonly close: () => void } {
  let seen = mark;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    // Taken before the file is read: a change in between is seen at the next look.
    const now = await markOf(path);
    if (now !== seen && !closed) {
      seen = now;
      await changed();
    }
    if (!closed) timer = setTimeout(look, everyMs).unref();
  };
  timer = setTimeout(look, everyMs).unref();
  return {
    close: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
}

/** What sets a file apart from its successors. */
export async function markOf(path: string): Promise<string> {
  try {
    const { ino, size, mtimeMs, ctimeMs } = await stat(path);
    return `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
  } catch {
    return "missing";
  }
}

async function readText(path: string): Promise<string> {
  try {
    if ((await stat(path)).size > largest)
      throw stackError(path, "is larger than 4 MiB", "Give a configuration file of this program.");
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof StackError) throw error;
    const { code = "unreadable" } = error as NodeJS.ErrnoException;
    throw stackError(path, `cannot be read (${code})`, "Check the path and that this user may read it.");
  }
}

function describe(path: string, issue: z.core.$ZodIssue): readonly Problem[] {
  const place = placeOf(issue.path);
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => ({
      where: `${path}: ${placeOf([...issue.path, key])}`,
      what: "is not a setting that exists",
      remedy: remedyOf(key, issue.message),
    }));
  const expected = issue.code === "custom" || issue.code === "invalid_format" || issue.code === "invalid_union";
  return [
    {
      where: place === "" ? path : `${path}: ${place}`,
      what: issue.message,
      remedy: expected ? "Correct the value." : "Correct the value or its type.",
    },
  ];
}

/** The place of the first problem, as it may stand in a log line. */
export const firstPlace = (error: unknown): string | undefined =>
  error instanceof StackError ? error.problems[0]?.where.split(": ")[1] : undefined;

const placeOf = (path: readonly PropertyKey[]): string =>
  path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : `${index === 0 ? "" : "."}${String(part)}`))
    .join("");
