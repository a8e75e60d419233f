// Ids of traces and spans: random hexadecimal digits, made many at a time, because a call that makes them takes longer than what it makes.
import { randomBytes } from "node:crypto";

const bytes = 4_096;
let [digits, used] = ["", 0];

/** So many, at most 8 192. That all of them are 0, which is no id, comes once in 2^64 ids of 16 digits. */
export function randomDigits(count: number): string {
  if (used + count > digits.length) [digits, used] = [randomBytes(bytes).toString("hex"), 0];
  used += count;
  return digits.slice(used - count, used);
}
