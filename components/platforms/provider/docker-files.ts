// The files of a service in containers, on this machine: readable by its containers' user alone, and told to them where they read again.
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { finish } from "../content.ts";
import { type Engine, told } from "../docker/client.ts";
import type { PlacedFile } from "../docker/container.ts";
import { fingerprint, type Owner, writeFileFor } from "../process/staging.ts";
import { revealed } from "../revealed.ts";
import { isUnknown, wrap, wrapAll } from "./envelopes.ts";
import type { Json, Kind } from "./kind.ts";

interface FilesInputs {
  /** Absolute. */
  readonly folder: string;
  /** As JSON: one property is compared and stored, not thousands. */
  readonly files: string;
  /** Whose they are; without, they stay whose they are by nature, and the group may read them. */
  readonly owner?: Owner;
  readonly secrets: Readonly<Record<string, string>>;
  /** Of fingerprints and of salts. */
  readonly key: string;
  readonly engine: Engine;
  /** The labels of the containers that read them. */
  readonly readers: Readonly<Record<string, string>>;
}

interface FilesOutputs extends FilesInputs {
  /** Path -> fingerprint of the text. */
  readonly placed: Prints;
}

export const dockerFiles: Kind = {
  diff: ({ placed, ...olds }: FilesOutputs, news: FilesInputs) => ({
    changes:
      isUnknown(news) ||
      !isDeepStrictEqual(olds, news) ||
      // Removed, or changed by hand.
      Object.entries(placed).some(([path, print]) => fingerprintAt(join(news.folder, path), news.key) !== print),
  }),
  create: async (news: FilesInputs) => {
    // What nobody knows of would be read all the same.
    rmSync(news.folder, { recursive: true, force: true });
    return outputs(news, place(news));
  },
  update: async (news: FilesInputs, { folder, owner, placed: before }: FilesOutputs) => {
    // Another user or another folder is another container, too.
    if (folder !== news.folder || !isDeepStrictEqual(owner, news.owner))
      rmSync(folder, { recursive: true, force: true });
    const placed = place(news);
    for (const path of Object.keys(before)) if (!(path in placed)) rmSync(join(news.folder, path), { force: true });
    await tell(news, (path) => before[path] !== placed[path]);
    return outputs(news, placed);
  },
  remove: async ({ folder }: FilesInputs) => rmSync(folder, { recursive: true, force: true }),
};

type Prints = Readonly<Record<string, string>>;

/** Writes what is not there yet as it should be. */
function place({ folder, files, owner, secrets, key }: FilesInputs): Prints {
  const reveal = revealed(secrets, key);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const placed = parsed(files).map(({ path, content }): readonly [string, string] => {
    const text = finish(content, reveal);
    const print = fingerprint(key, text);
    if (fingerprintAt(join(folder, path), key) !== print)
      writeFileFor(folder, join(folder, path), text, owner ?? "group");
    return [path, print];
  });
  return Object.fromEntries(placed);
}

/** A container that reads a file at its start alone is made anew by the provider that has made it. */
async function tell({ engine, readers, files }: FilesInputs, changed: (path: string) => boolean): Promise<void> {
  const signals = new Set(
    parsed(files).flatMap(({ path, apply }) => (typeof apply === "object" && changed(path) ? [apply.signal] : [])),
  );
  if (signals.size === 0) return;
  const labels = Object.entries(readers).flatMap(([name, value]) => ["--filter", `label=${name}=${value}`]);
  const running = (await told(engine, ["ps", "--quiet", ...labels])).split("\n").filter((id) => id !== "");
  if (running.length === 0) return;
  for (const signal of signals) await told(engine, ["kill", "--signal", signal, ...running]);
}

const parsed = (files: string): readonly PlacedFile[] => JSON.parse(files) as readonly PlacedFile[];

const fingerprintAt = (path: string, key: string): string | undefined =>
  existsSync(path) ? fingerprint(key, readFileSync(path)) : undefined;

const outputs = (news: FilesInputs, placed: Prints): Json => ({
  ...news,
  secrets: wrapAll(news.secrets),
  key: wrap(news.key),
  placed,
});
