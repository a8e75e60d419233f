// What is copied of each program, in a state that it can start from: a file here is whole although the program writes on.
import { copyFile, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { stackError } from "../components/errors.ts";

export interface Origin {
  /** The program's data directory. */
  readonly data: string;
  /** Where the program itself is asked for a copy. */
  readonly url?: URL;
  readonly authorization?: string;
}

/** Puts a copy of a program's data into an empty directory. */
export type Source = (origin: Origin, into: string) => Promise<void>;

/** Prometheus hard-links its blocks and writes its head into a snapshot, which lies in its own data directory. */
const prometheus: Source = async (origin, into) => {
  const snapshots = join(origin.data, "snapshots");
  // Nothing else makes snapshots: what is there was left by a backup that was cut off.
  await rm(snapshots, { recursive: true, force: true });
  try {
    const name = await takeSnapshot(origin);
    await copyTree(join(snapshots, name), into);
  } finally {
    await rm(snapshots, { recursive: true, force: true });
  }
};

async function takeSnapshot({ url, authorization }: Origin): Promise<string> {
  if (url === undefined) throw stackError("backup --url", "is missing", "Say where Prometheus answers.");
  const response = await fetch(new URL("/api/v1/admin/tsdb/snapshot", url), {
    method: "POST",
    headers: authorization === undefined ? {} : { authorization },
    signal: AbortSignal.timeout(15 * 60_000),
  });
  const answer = response.ok ? ((await response.json()) as { data?: { name?: string } }) : undefined;
  const name = answer?.data?.name ?? "";
  // It becomes part of a path.
  if (!/^[\w-]+$/.test(name))
    throw stackError(
      "backup",
      `Prometheus made no snapshot: its answer was ${response.status}`,
      "See that it runs with --web.enable-admin-api, and that the user and the password are right.",
    );
  return name;
}

/** Alertmanager replaces these two as a whole once a minute. */
const alertmanager: Source = async ({ data }, into) => {
  for (const name of ["nflog", "silences"]) await copyFile(join(data, name), join(into, name));
};

/** Grafana's database, page by page between its writes; everything else is provisioned. */
const grafana: Source = async ({ data }, into) => {
  const { backup, DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(join(data, "grafana.db"), { readOnly: true, timeout: 10_000 });
  try {
    await backup(database, join(into, "grafana.db"));
  } finally {
    database.close();
  }
};

export const sources = { prometheus, alertmanager, grafana } satisfies Readonly<Record<string, Source>>;

export type SourceName = keyof typeof sources;

/** Regular files and folders alone: a link may lead anywhere. */
export async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o750 });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyTree(source, target);
    else if (entry.isFile()) await copyFile(source, target);
  }
}
