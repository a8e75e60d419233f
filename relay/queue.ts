// A queue of messages on disk: what was taken survives a crash, in its order. A file each, written whole before it is named.
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";

export interface Queued {
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly takenAt: number;
  readonly message: Message;
}

/** A message as an incoming webhook of Slack takes it. */
export interface Message {
  readonly attachments: readonly object[];
  readonly [field: string]: unknown;
}

export interface Queue {
  /** Resolves when the message is safe on disk; false when the queue is full. Rejects when the disk does not take it. */
  add(message: Message): Promise<boolean>;
  /** The oldest so many, none of them taken away. */
  head(count: number): readonly Queued[];
  remove(messages: readonly Queued[]): Promise<void>;
  size(): number;
}

const nameOf = (id: number): string => `${String(id).padStart(12, "0")}.json`;
const named = /^(\d{12})\.json$/;

/** Opens the queue in a folder, which is created. What cannot be read, such as after damage of the disk, is left out. */
export async function openQueue(folder: string, limit: number): Promise<Queue> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const files = (await readdir(folder)).toSorted();
  const waiting: Queued[] = [];
  for (const file of files) {
    const id = Number(named.exec(file)?.[1]);
    if (!Number.isNaN(id)) waiting.push(...(await read(join(folder, file), id)));
    else if (file.endsWith(".new")) await rm(join(folder, file));
  }
  let next = (waiting.at(-1)?.id ?? 0) + 1;
  // One after the other: the order on disk is the order of arrival.
  let writing: Promise<unknown> = Promise.resolve();
  const add = async (message: Message): Promise<boolean> => {
    if (waiting.length >= limit) return false;
    const queued = { id: next++, takenAt: Date.now(), message };
    await write(folder, queued);
    waiting.push(queued);
    return true;
  };
  return {
    add: (message) => {
      const done = writing.then(() => add(message));
      writing = done.catch(() => {});
      return done;
    },
    head: (count) => waiting.slice(0, count),
    remove: async (messages) => {
      const gone = new Set(messages.map(({ id }) => id));
      // Files first: a crash in between repeats a message rather than losing one.
      for (const id of gone) await rm(join(folder, nameOf(id)), { force: true });
      waiting.splice(0, waiting.length, ...waiting.filter(({ id }) => !gone.has(id)));
    },
    size: () => waiting.length,
  };
}

async function read(path: string, id: number): Promise<readonly Queued[]> {
  try {
    const { takenAt, message } = JSON.parse(await readFile(path, "utf8")) as Queued;
    return [{ id, takenAt, message }];
  } catch {
    return [];
  }
}

async function write(folder: string, { id, takenAt, message }: Queued): Promise<void> {
  const path = join(folder, nameOf(id));
  const fresh = `${path}.new`;
  try {
    const file = await open(fresh, "w", 0o600);
    try {
      await file.writeFile(JSON.stringify({ takenAt, message }));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
  const directory = await open(folder, "r");
  await directory.sync().finally(() => directory.close());
}
