// The files of services in containers, as our own provider places them: whose they are, and what makes them change.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { dockerFiles } from "../../components/platforms/provider/docker-files.ts";
import { unwrap } from "../../components/platforms/provider/envelopes.ts";

let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "vitals-files-")), "files");
});
afterEach(() => rmSync(dirname(folder), { recursive: true }));

const rules = { path: "/etc/prometheus/rules/a.yml", content: { text: "groups: []\n" }, apply: "watched" };
const login = {
  path: "/etc/prometheus/login.yml",
  content: { sealed: { password: { $: "secret", name: "password", as: "text" } }, format: "yaml" },
  apply: "watched",
};
const inputs = (own: object = {}, files: readonly object[] = [rules, login]) => ({
  ...{
    folder,
    files: JSON.stringify(files),
    secrets: { password: "s3cret" },
    key: "k",
    engine: {},
    readers: { a: "b" },
  },
  ...own,
});
const create = async (news = inputs()) => unwrap(await dockerFiles.create(news as never, "x")) as never;
const update = async (news: object, olds: never) => unwrap(await dockerFiles.update(news as never, olds, "x")) as never;
const changes = (olds: never, news: object = inputs()) => dockerFiles.diff(olds, news as never, "x").changes;
const at = (path: string) => join(folder, path);
const mode = (path: string) => statSync(path).mode & 0o777;

it("places files with their secrets, and has nothing to do afterwards", async () => {
  const placed = await create();
  expect(readFileSync(at(login.path), "utf8")).toBe("password: s3cret\n");
  expect(changes(placed)).toBe(false);
});

it("keeps the values of secrets in the engine's envelopes alone", async () => {
  expect(JSON.stringify({ ...(await dockerFiles.create(inputs() as never, "x")), secrets: {}, key: "" })).not.toMatch(
    /s3cret|"k"/,
  );
  const { secrets, key } = await dockerFiles.create(inputs() as never, "x");
  for (const value of [Object.values(secrets as object)[0], key]) expect(unwrap(value)).not.toBe(value);
});

it("lets the group read where the person cannot give files away, and nobody else", async () => {
  const mask = process.umask(0o077);
  try {
    await create();
  } finally {
    process.umask(mask);
  }
  expect([mode(at(login.path)), mode(dirname(at(login.path))), mode(folder)]).toEqual([0o640, 0o750, 0o700]);
});

it.skipIf(process.getuid?.() !== 0)(
  "gives files and their folders to the containers' user, and to the next one",
  async () => {
    const owned = await create(inputs({ owner: { uid: 4321, gid: 4322 } }));
    const owners = () =>
      [at(login.path), dirname(at(rules.path))].map((path) => [statSync(path).uid, statSync(path).gid, mode(path)]);
    expect(owners()).toEqual([
      [4321, 4322, 0o600],
      [4321, 4322, 0o700],
    ]);
    await update(inputs({ owner: { uid: 5432, gid: 5433 } }), owned);
    expect(owners()).toEqual([
      [5432, 5433, 0o600],
      [5432, 5433, 0o700],
    ]);
  },
);

it("notices a file that was changed or removed by hand, and puts it right", async () => {
  const placed = await create();
  writeFileSync(at(rules.path), "groups: [{}]\n");
  expect(changes(placed)).toBe(true);
  await update(inputs(), placed);
  expect(readFileSync(at(rules.path), "utf8")).toBe("groups: []\n");
  rmSync(at(login.path));
  expect(changes(placed)).toBe(true);
  expect(changes(await update(inputs(), placed))).toBe(false);
});

it("changes with a secret", async () => {
  const placed = await create();
  const rotated = inputs({ secrets: { password: "other" } });
  expect(changes(placed, rotated)).toBe(true);
  await update(rotated, placed);
  expect(readFileSync(at(login.path), "utf8")).toBe("password: other\n");
});

it("removes what is no longer there, leaves the rest untouched, and starts without what nobody knows of", async () => {
  mkdirSync(dirname(at(rules.path)), { recursive: true });
  writeFileSync(at("/etc/prometheus/rules/stray.yml"), "");
  const placed = await create();
  expect(existsSync(at("/etc/prometheus/rules/stray.yml"))).toBe(false);
  const { ino } = statSync(at(login.path));
  await update(inputs({}, [login]), placed);
  expect(existsSync(at(rules.path))).toBe(false);
  expect(statSync(at(login.path)).ino).toBe(ino);
});

it("tells the containers that read again until they have been told", async () => {
  const asked = join(dirname(folder), "asked");
  const client = join(dirname(folder), "docker");
  const says = (script: string) => {
    writeFileSync(client, `#!/bin/sh\necho "$@" >>${asked}\n${script}\n`);
    chmodSync(client, 0o755);
  };
  const { PATH } = process.env;
  process.env.PATH = `${dirname(folder)}:${PATH}`;
  try {
    const signalled = (text: string) => [{ ...rules, content: { text }, apply: { signal: "SIGHUP" } }];
    const placed = await create(inputs({}, signalled("one")));
    says("echo the engine is away >&2; exit 1");
    const next = inputs({}, signalled("two"));
    await expect(update(next, placed)).rejects.toThrow(/the engine is away/);
    // The engine keeps what was before, and asks again.
    expect(changes(placed, next)).toBe(true);
    says('if [ "$1" = ps ]; then echo c1; echo c2; fi');
    rmSync(asked);
    const after = await update(next, placed);
    expect(readFileSync(asked, "utf8").trim().split("\n")).toEqual([
      "ps --quiet --filter label=a=b",
      "kill --signal SIGHUP c1 c2",
    ]);
    rmSync(asked);
    await update(next, after);
    expect(existsSync(asked)).toBe(false);
    says("true");
    await update(inputs({ engine: { host: "unix:///x" } }, signalled("three")), after);
    expect(readFileSync(asked, "utf8")).toBe("--host unix:///x ps --quiet --filter label=a=b\n");
  } finally {
    process.env.PATH = PATH;
  }
});

it("removes all of them with the service", async () => {
  await dockerFiles.remove(await create());
  expect(existsSync(folder)).toBe(false);
});
