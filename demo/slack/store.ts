// The inbox's messages: the last ones in memory, and in an append-only file that survives a restart.
import { appendFile, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, stackError } from "../../components/errors.ts";
import type { Content, Message } from "./message.ts";

export interface Store {
  /** Resolves when the message is on disk. */
  add(content: Content): Promise<Message>;
  /** Oldest first. */
  all(): readonly Message[];
}

export interface StoreOptions {
  readonly folder: string;
  readonly keep: number;
  readonly keepBytes: number;
}

export async function openStore({ folder, keep, keepBytes }: StoreOptions): Promise<Store> {
  const path = join(folder, "messages.jsonl");
  const lines = await load(folder, path);
  let nextId = (lines.at(-1)?.message.id ?? 0) + 1;
  let bytes = lines.reduce((sum, { line }) => sum + line.length, 0);
  let onDisk = lines.length;
  let bytesOnDisk = bytes;
  let last: Promise<unknown> = Promise.resolve();

  const trim = (): void => {
    while (lines.length > 1 && (lines.length > keep || bytes > keepBytes)) bytes -= lines.shift()?.line.length ?? 0;
  };
  /** The file holds at most `keep` messages and `keepBytes` more than memory; then a new one takes its place whole. */
  const rotate = async (): Promise<void> => {
    if (onDisk - lines.length < keep && bytesOnDisk - bytes < keepBytes) return;
    await writeFile(`${path}.new`, lines.map(({ line }) => line).join(""), { mode: 0o600 });
    await rename(`${path}.new`, path);
    onDisk = lines.length;
    bytesOnDisk = bytes;
  };
  const write = async (content: Content): Promise<Message> => {
    const message = { id: nextId++, receivedAt: Date.now(), ...content };
    const line = `${JSON.stringify(message)}\n`;
    await appendFile(path, line, { mode: 0o600 });
    lines.push({ message, line });
    bytes += line.length;
    onDisk++;
    bytesOnDisk += line.length;
    trim();
    await rotate();
    return message;
  };
  trim();
  return {
    // One after the other: the order on disk is the order of the ids.
    add: (content) => {
      const written = last.then(() => write(content));
      last = written.catch(() => {});
      return written;
    },
    all: () => lines.map(({ message }) => message),
  };
}

interface Line {
  readonly message: Message;
  readonly line: string;
}

async function load(folder: string, path: string): Promise<Line[]> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // A half-written last line gets its end, so that the next message starts on a line of its own.
    await appendFile(path, "", { mode: 0o600 });
    const text = await readFile(path, "utf8");
    if (text !== "" && !text.endsWith("\n")) await appendFile(path, "\n");
    return text.split("\n").flatMap(parseLine);
  } catch (thrown) {
    throw stackError(
      folder,
      `the inbox cannot use its folder (${messageOf(thrown)})`,
      "Name a folder that this user may write, with --data.",
      thrown,
    );
  }
}

/** A line that was cut off by a crash is no message. */
function parseLine(line: string): readonly Line[] {
  try {
    const message = JSON.parse(line) as Message;
    return typeof message.id === "number" && Array.isArray(message.attachments) ? [{ message, line: `${line}\n` }] : [];
  } catch {
    return [];
  }
}
