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
  /** Where the tags begin, and where the envelope does, behind a line's end. */
  readonly tagsFrom: number;
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
  /** With a space between each and the next. */
  readonly tags: () => string;
  readonly bytes: number;
  /** When it ends in Redis, on the server's clock: no other entry of the same name has the same. */
  readonly end: number;
  /** Milliseconds for which it is fresh; below 0 it has been stale for so long. */
  readonly freshMs: number;
}

const [space, line, zero] = [32, 10, 48] as const;
const epochs = { bytes: Buffer.alloc(0), text: "" };

/** Byte by byte, and no text is made of what may not be asked for: it is a part of a hit's time. */
export function headOf(bytes: Buffer): Head {
  const epochTo = until(bytes, 0, space);
  const sequenceTo = until(bytes, epochTo + 1, space);
  const endTo = until(bytes, sequenceTo + 1, space);
  return {
    epoch: epochOf(bytes, epochTo),
    sequence: numberOf(bytes, epochTo + 1, sequenceTo),
    end: numberOf(bytes, sequenceTo + 1, endTo),
    tagsFrom: endTo + 1,
    length: until(bytes, endTo, line) + 1,
  };
}

function until(bytes: Buffer, from: number, sign: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] !== sign && bytes[at] !== line) at++;
  return at;
}

function numberOf(bytes: Buffer, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) value = 10 * value + (bytes[at] ?? 0) - zero;
  return value;
}

/** Nearly always that of the entry before. */
function epochOf(bytes: Buffer, to: number): string {
  let same = to === epochs.bytes.length;
  for (let at = 0; same && at < to; at++) same = bytes[at] === epochs.bytes[at];
  if (!same)
    Object.assign(epochs, { bytes: Buffer.from(bytes.subarray(0, to)), text: bytes.toString("latin1", 0, to) });
  return epochs.text;
}

/** The tags of an entry, with a space between each and the next. */
export const tagsIn = (bytes: Buffer, { tagsFrom, length }: Head): string =>
  bytes.toString("latin1", tagsFrom, length - 1);
export const tagsOf = (tags: string): readonly string[] => (tags === "" ? [] : tags.split(" "));

/** Throws when the bytes cannot be read: damaged, or encrypted with a key that is gone. */
export function entryOf({ bytes, head, leftMs }: Hit, name: string, envelopes: Envelopes): Entry {
  const { value, loadMs, staleMs } = envelopes.open(bytes, head.length, name);
  return {
    value,
    loadMs,
    staleMs,
    end: head.end,
    tags: () => tagsIn(bytes, head),
    bytes: bytes.length,
    freshMs: leftMs - staleMs,
  };
}
