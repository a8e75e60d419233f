// The dashboards of a folder, read again when a file changes; a file that cannot be read is a problem, not the end.
import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { messageOf } from "../../components/errors.ts";
import type { Dashboard } from "./browser/model.ts";

export interface Entry {
  readonly dashboard: Dashboard;
  /** Changes with the file's content. */
  readonly version: string;
  /** What the API answers, made once: it is asked for at every refresh of every page. */
  readonly body: Buffer;
  readonly zipped: Buffer;
}

export interface Listing {
  /** In the order of their titles, the overview first. */
  readonly entries: readonly Entry[];
  readonly problems: readonly string[];
}

interface Known {
  readonly mark: string;
  readonly result: Entry | string;
}

/** Reads a folder of dashboard JSON; asks the file system each time, parses only what has changed. */
export function openLibrary(folder: string): { readonly list: () => Promise<Listing> } {
  let known = new Map<string, Known>();
  return {
    list: async () => {
      const names = await readdir(folder).catch((error: unknown) => `the folder of dashboards: ${messageOf(error)}`);
      if (typeof names === "string") return { entries: [], problems: [names] };
      const next = new Map<string, Known>();
      await Promise.all(
        names
          .filter((name) => name.endsWith(".json"))
          .map(async (name) => {
            const path = join(folder, name);
            const info = await stat(path).catch(() => undefined);
            if (info === undefined || !info.isFile()) return;
            const mark = `${info.mtimeMs} ${info.size} ${info.ino}`;
            const before = known.get(name);
            next.set(name, before?.mark === mark ? before : { mark, result: await read(path, name) });
          }),
      );
      known = next;
      return arrange(next);
    },
  };
}

async function read(path: string, name: string): Promise<Entry | string> {
  try {
    const text = await readFile(path, "utf8");
    const dashboard: unknown = JSON.parse(text);
    if (!isDashboard(dashboard)) return `${name}: is not a dashboard: it needs uid, title and panels`;
    const version = createHash("sha256").update(text).digest("hex").slice(0, 16);
    const meta = { provisioned: true, canEdit: false, version };
    const body = Buffer.from(JSON.stringify({ dashboard, meta }));
    return { dashboard, version, body, zipped: gzipSync(body) };
  } catch (error) {
    return `${name}: ${error instanceof SyntaxError ? "is not JSON" : messageOf(error)}`;
  }
}

const isDashboard = (value: unknown): value is Dashboard => {
  const { uid, title, panels } = (value ?? {}) as Partial<Record<keyof Dashboard, unknown>>;
  return typeof uid === "string" && uid !== "" && typeof title === "string" && Array.isArray(panels);
};

function arrange(known: ReadonlyMap<string, Known>): Listing {
  const entries: Entry[] = [];
  const problems: string[] = [];
  for (const [name, { result }] of [...known].toSorted(([left], [right]) => (left < right ? -1 : 1))) {
    if (typeof result === "string") problems.push(result);
    else if (entries.some(({ dashboard }) => dashboard.uid === result.dashboard.uid))
      problems.push(`${name}: the uid "${result.dashboard.uid}" is taken by another file`);
    else entries.push(result);
  }
  const rank = ({ dashboard }: Entry): string => `${dashboard.uid.endsWith("overview") ? 0 : 1} ${dashboard.title}`;
  return { entries: entries.toSorted((left, right) => (rank(left) < rank(right) ? -1 : 1)), problems };
}
