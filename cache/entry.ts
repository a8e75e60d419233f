// What the library says of an entry, taken apart.
import type { Envelopes, Opened } from "./envelope.ts";

export type Fetched =
  | { readonly kind: "miss" | "off" }
  | { readonly kind: "hit"; readonly bytes: Buffer; readonly leftMs: number }
  | { readonly kind: "granted"; readonly epoch: string; readonly sequence: number }
  | { readonly kind: "held"; readonly leftMs: number };

export function fetchedOf(answer: unknown): Fetched {
  const [code, first, second] = answer as readonly [number, (Buffer | number)?, number?];
  if (code === 1) return { kind: "hit", bytes: first as Buffer, leftMs: second ?? 0 };
  if (code === 2) return { kind: "granted", epoch: String(first), sequence: second ?? 0 };
  if (code === 3) return { kind: "held", leftMs: Number(first) };
  return { kind: code === 4 ? "off" : "miss" };
}

export interface Entry extends Opened {
  readonly tags: readonly string[];
  readonly bytes: number;
  /** Milliseconds for which it is fresh; below 0 it has been stale for so long. */
  readonly freshMs: number;
}

/** Throws when the bytes cannot be read: damaged, or encrypted with a key that is gone. */
export function entryOf(bytes: Buffer, leftMs: number, name: string, envelopes: Envelopes): Entry {
  const line = bytes.indexOf(10);
  const [, , ...tags] = bytes.toString("latin1", 0, line).split(" ");
  const opened = envelopes.open(bytes.subarray(line + 1), name);
  return { ...opened, tags: tags.filter((tag) => tag !== ""), bytes: bytes.length, freshMs: leftMs - opened.staleMs };
}
