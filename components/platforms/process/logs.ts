// The logs of a stack's processes: kept small, and read from their end.
import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statSync,
  truncateSync,
} from "node:fs";
import { join } from "node:path";

const limitBytes = 10 << 20;
const kept = 3;

/** Copy-truncate: the writers keep their append-only descriptors. */
export function rotateLogs(folder: string, limit: number = limitBytes): void {
  for (const name of readdirSync(folder).filter((each) => each.endsWith(".log"))) {
    const path = join(folder, name);
    if (statSync(path).size < limit) continue;
    for (let age = kept - 1; age >= 1; age--)
      if (existsSync(`${path}.${age}`)) renameSync(`${path}.${age}`, `${path}.${age + 1}`);
    copyFileSync(path, `${path}.1`);
    truncateSync(path, 0);
  }
}

/** The text without the secrets that may have got into it. */
export const hideIn = (text: string, hide: readonly string[]): string =>
  hide.reduce((all, each) => (each === "" ? all : all.replaceAll(each, "***")), text);

/** The last lines of a log, at most 8 KiB, without the texts to hide. */
export function logTail(path: string, lines: number, hide: readonly string[]): string {
  try {
    const fd = openSync(path, "r");
    try {
      const size = fstatSync(fd).size;
      const buffer = Buffer.alloc(Math.min(size, 8_192));
      readSync(fd, buffer, 0, buffer.length, size - buffer.length);
      return hideIn(buffer.toString("utf8"), hide).trimEnd().split("\n").slice(-lines).join("\n");
    } finally {
      closeSync(fd);
    }
  } catch {
    return "";
  }
}
