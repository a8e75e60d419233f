// What the library says of an entry, taken apart.
import type { Envelopes, Opened } from "./envelope.ts";

export type Fetched =
  | { readonly kind: "miss" | "off" }
  | Hit
  | { readonly kind: "granted"; readonly epoch: string; readonly sequence: number }
  | { readonly kind: "held"; readonly leftMs: number };

export interface Hit {
  readonly kind: "hit";
  readonly bytes: Buffer;
  readonly head: Head;
  readonly leftMs: number;
}

/** What stands before the envelope. */
export interface Head {
  readonly epoch: string;
  readonly sequence: number;
  /** Milliseconds of the server's clock. */
  readonly end: number;
  /** With a space between each and the next. */
  readonly tags: string;
  /** Where the envelope begins. */
  readonly length: number;
}

export function fetchedOf(answer: unknown): Fetched {
  const [code, first, second] = answer as readonly [number, (Buffer | number)?, number?];
  if (code === 1) return { kind: "hit", bytes: first as Buffer, head: headOf(first as Buffer), leftMs: second ?? 0 };
  if (code === 2) return { kind: "granted", epoch: String(first), sequence: second ?? 0 };
  if (code === 3) return { kind: "held", leftMs: Number(first) };
  return { kind: code === 4 ? "off" : "miss" };
}

export interface Entry extends Opened {
  readonly tags: string;
  readonly bytes: number;
  /** Milliseconds for which it is fresh; below 0 it has been stale for so long. */
  readonly freshMs: number;
}

/** Nothing is taken apart that may not be asked for: it is a part of a hit's time. */
export function headOf(bytes: Buffer): Head {
  const line = bytes.indexOf(10);
  const text = bytes.toString("latin1", 0, Math.max(0, line));
  const first = text.indexOf(" ");
  const second = text.indexOf(" ", first + 1);
  const third = text.indexOf(" ", second + 1);
  return {
    epoch: text.slice(0, first),
    sequence: Number(text.slice(first + 1, second)),
    end: Number(text.slice(second + 1, third)),
    tags: text.slice(third + 1),
    length: line + 1,
  };
}

export const tagsOf = (tags: string): readonly string[] => (tags === "" ? [] : tags.split(" "));

/** Throws when the bytes cannot be read: damaged, or encrypted with a key that is gone. */
export function entryOf({ bytes, head, leftMs }: Hit, name: string, envelopes: Envelopes): Entry {
  const { value, loadMs, staleMs } = envelopes.open(bytes, head.length, name);
  return { value, loadMs, staleMs, tags: head.tags, bytes: bytes.length, freshMs: leftMs - staleMs };
}
