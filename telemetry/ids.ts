// Ids of traces and spans, out of many random bytes drawn at once: to draw each by itself takes longer than all else about it.
import { randomFillSync } from "node:crypto";

const pool = Buffer.allocUnsafeSlow(4_096);
let used = pool.length;

/** So many random bytes in hexadecimal digits. */
export function randomId(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString("hex", used - bytes, used);
}

/** For OpenTelemetry's SDK. */
export const idGenerator = { generateTraceId: () => randomId(16), generateSpanId: () => randomId(8) };
