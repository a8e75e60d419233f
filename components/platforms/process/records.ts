// What runs, as files: each instance's record is the one truth that supervisor, provider and status share. Reading takes no lock.
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { Layout } from "./layout.ts";
import type { InstancePlan } from "./plan.ts";
import { fingerprint, stackKey } from "./staging.ts";
import { type Identity, isAlive } from "./table.ts";

export type State = "starting" | "ready" | "unready" | "backoff" | "failed" | "completed" | "stopped";

/** How an instance is run, without its files (they are on disk) and without any secret. */
export interface Order {
  readonly plan: Omit<InstancePlan, "files">;
  /** Files by path with the hash of their finished content, to notice a change by hand. `seed` files are the program's own. */
  readonly files: Readonly<Record<string, string>>;
  readonly command: string;
  readonly commandArgs: readonly string[];
  /** Binaries that checks run, by tool name. */
  readonly binaries: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
  /** Hash of all that makes a restart needed. */
  readonly hash: string;
}

export interface RunRecord {
  readonly order: Order;
  readonly state: State;
  readonly identity?: Identity;
  readonly restarts: number;
  /** Milliseconds since the epoch. */
  readonly startedAt?: number;
  readonly readyAfterMs?: number;
  readonly reason?: string;
}

/**
 * Writes by rename: a reader sees the old record or the new one, never half of one. Makes no folder: a state folder that
 * is gone must not come back by a late record.
 */
export function writeJson(path: string, value: unknown, mode = 0o600): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, `${JSON.stringify(value)}\n`, { mode });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

export function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch {
    return undefined;
  }
}

export const readRecord = (paths: Layout, instance: string): RunRecord | undefined =>
  readJson<RunRecord>(paths.runFile(instance));

export function readRecords(paths: Layout): readonly RunRecord[] {
  try {
    return readdirSync(paths.runDir)
      .filter((name) => name.endsWith(".json"))
      .toSorted()
      .flatMap((name) => readJson<RunRecord>(`${paths.runDir}/${name}`) ?? []);
  } catch {
    return [];
  }
}

export const removeRecord = (paths: Layout, instance: string): void => rmSync(paths.runFile(instance), { force: true });

/** Why an instance is not as it should be; undefined when it is well. Reads files and the process table only. */
export function ailment(paths: Layout, instance: string): string | undefined {
  const record = readRecord(paths, instance);
  if (record === undefined) return "is not running";
  if (record.state === "failed") return `has failed: ${record.reason ?? "it kept ending"}`;
  if (record.state === "stopped") return "is stopped";
  if (record.state !== "completed" && (record.identity === undefined || !isAlive(record.identity))) return "has died";
  // A supervisor may be bringing it back at this moment: whoever asks for the stack has to wait for it.
  if (record.state === "starting") return "is still starting";
  const key = stackKey(paths.root);
  const changed = Object.entries(record.order.files).find(
    ([path, print]) => print !== "" && print !== printOf(key, path),
  );
  return changed === undefined ? undefined : `its file ${changed[0]} was changed by hand`;
}

const printOf = (key: Buffer, path: string): string | undefined => {
  try {
    return fingerprint(key, readFileSync(path));
  } catch {
    return undefined;
  }
};
