// Backups of real programs: what is wiped and restored answers as before, and nothing that is not whole passes for a backup.
import { execFile, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, describe, expect, it } from "vitest";
import { report } from "../../backup/report.ts";
import { findTool } from "../../tools/resolve.ts";
import { type Child, startChild } from "../support/children.ts";
import { freePort } from "../support/ports.ts";
import { dataOf, versionsKept } from "./grafana.ts";

const root = mkdtempSync(join(tmpdir(), "vitals-backup-"));
const children: Child[] = [];
const entry = join(import.meta.dirname, "../../backup/main.ts");

afterAll(async () => {
  await Promise.all(children.map((child) => child.end("SIGKILL")));
  rmSync(root, { recursive: true, force: true });
});

const ran = (program: string, ...args: readonly string[]) =>
  new Promise<{ readonly code: number; readonly text: string }>((done) => {
    execFile(program, args, (error, stdout, stderr) =>
      done({ code: error === null ? 0 : 1, text: `${stdout}${stderr}` }),
    );
  });
const backup = (...args: readonly string[]) => ran(process.execPath, entry, ...args);

const why = (tool: string) =>
  findTool(tool) === undefined ? `skipped: ${tool} is not there (npm run tools -- get)` : undefined;

/** Starts a program that answers `/-/ready`. */
async function start(tool: string, args: (listen: string) => readonly string[]) {
  const listen = `127.0.0.1:${await freePort()}`;
  const child = startChild(findTool(tool)?.path ?? "", [...args(listen), `--web.listen-address=${listen}`]);
  children.push(child);
  const url = `http://${listen}`;
  await expect
    .poll(async () => (await fetch(`${url}/-/ready`).catch(() => undefined))?.status, { timeout: 20_000 })
    .toBe(200);
  return { url, child };
}

const json = async (url: string, init?: RequestInit) => (await (await fetch(url, init)).json()) as never;

describe.skipIf(why("prometheus") !== undefined)(`Prometheus ${why("prometheus") ?? ""}`, () => {
  const folder = join(root, "prometheus");
  const [data, archive] = [join(folder, "data"), join(folder, "archive")];
  const of = ["--of", "prometheus", "--archive", archive, "--data", data];
  const run = (scrapes: boolean) =>
    start("prometheus", (listen) => {
      const job = { job_name: "itself", scrape_interval: "200ms", static_configs: [{ targets: [listen] }] };
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "prometheus.yml"), JSON.stringify({ scrape_configs: scrapes ? [job] : [] }));
      return [
        `--config.file=${join(folder, "prometheus.yml")}`,
        `--storage.tsdb.path=${data}`,
        "--web.enable-admin-api",
        "--web.enable-otlp-receiver",
        "--log.level=error",
      ];
    });
  const ask = async (url: string, time: number) => {
    const query = '{__name__=~"prometheus_.+_total"}[30s]';
    const { data: found } = (await json(
      `${url}/api/v1/query?${new URLSearchParams({ query, time: String(time) })}`,
    )) as { data: { result: readonly { metric: object }[] } };
    return found.result.map((each) => JSON.stringify(each)).toSorted();
  };

  it("answers the same query the same after its data was wiped and restored", async () => {
    const { url, child } = await run(true);
    await expect.poll(async () => (await ask(url, Date.now() / 1_000)).length, { timeout: 20_000 }).toBeGreaterThan(20);
    const time = Math.floor(Date.now() / 1_000) - 1;
    const before = await ask(url, time);
    const taken = await backup("take", ...of, "--url", url, "--report", url);
    expect(taken).toMatchObject({ code: 0, text: expect.stringMatching(/^took \d{8}T\d{6}Z of prometheus\n$/) });
    expect(existsSync(join(data, "snapshots"))).toBe(false);
    await child.end();
    rmSync(data, { recursive: true });
    expect(await backup("restore", ...of)).toMatchObject({ code: 0 });
    const again = await run(false);
    expect(await ask(again.url, time)).toEqual(before);
    await again.child.end();
  }, 60_000);

  it("tells every Prometheus when it is whole, and says which one could not be told", async () => {
    const { url, child } = await start("prometheus", () => [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "told")}`,
      "--web.enable-otlp-receiver",
      "--log.level=error",
    ]);
    const deaf = `http://127.0.0.1:${await freePort()}`;
    const before = Date.now() / 1_000;
    expect(await report([new URL(url), new URL(deaf)], { service: "grafana" }, async () => undefined)).toEqual([
      expect.stringContaining(`${new URL(deaf).host} was not told`),
    ]);
    const query = "backup_last_success_timestamp_seconds";
    const { data: found } = (await json(`${url}/api/v1/query?${new URLSearchParams({ query })}`)) as {
      data: { result: readonly { metric: object; value: readonly [number, string] }[] };
    };
    expect(found.result.map(({ metric }) => metric)).toEqual([
      { __name__: query, service: "grafana", job: "grafana-backup", instance: "grafana-backup-0" },
    ]);
    expect(Number(found.result[0]?.value[1])).toBeGreaterThanOrEqual(Math.floor(before));
    await child.end();
  });

  it("is not taken where it refuses a snapshot, and leaves nothing behind", async () => {
    const { url, child } = await start("prometheus", () => [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "other")}`,
      "--log.level=error",
    ]);
    const empty = join(folder, "empty");
    const taken = await backup("take", "--of", "prometheus", "--archive", empty, "--data", data, "--url", url);
    expect(taken).toMatchObject({ code: 1, text: expect.stringContaining("--web.enable-admin-api") });
    expect(readdirSync(empty)).toEqual([]);
    await child.end();
  });
});

describe.skipIf(why("alertmanager") !== undefined)(`Alertmanager ${why("alertmanager") ?? ""}`, () => {
  const folder = join(root, "alertmanager");
  const [data, archive] = [join(folder, "data"), join(folder, "archive")];
  const of = ["--of", "alertmanager", "--archive", archive, "--data", data];
  const run = () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "config.yml"), JSON.stringify({ route: { receiver: "x" }, receivers: [{ name: "x" }] }));
    return start("alertmanager", () => [
      `--config.file=${join(folder, "config.yml")}`,
      `--storage.path=${data}`,
      "--cluster.listen-address=",
      "--data.maintenance-interval=1s",
      "--log.level=error",
    ]);
  };
  const silences = async (url: string) =>
    ((await json(`${url}/api/v2/silences`)) as readonly { id: string; comment: string }[]).map(({ id, comment }) => [
      id,
      comment,
    ]);

  it("has its silences after its data was wiped and restored", async () => {
    const { url, child } = await run();
    const at = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();
    await json(`${url}/api/v2/silences`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        matchers: [{ name: "service", value: "redis", isRegex: false }],
        startsAt: at(0),
        endsAt: at(60),
        createdBy: "test",
        comment: "planned work",
      }),
    });
    const before = await silences(url);
    expect(before).toEqual([[expect.any(String), "planned work"]]);
    await new Promise((done) => setTimeout(done, 2_500));
    expect(await backup("take", ...of)).toMatchObject({ code: 0 });
    await child.end("SIGKILL");
    rmSync(data, { recursive: true });
    expect(await backup("restore", ...of)).toMatchObject({ code: 0 });
    const again = await run();
    expect(await silences(again.url)).toEqual(before);
    await again.child.end();
  }, 60_000);
});

describe("a backup", () => {
  const folder = join(root, "grafana");
  const [data, archive] = [join(folder, "data"), join(folder, "archive")];
  const of = ["--of", "grafana", "--archive", archive, "--data", data];
  const names = () => readdirSync(archive).toSorted();
  const rows = (path: string) => {
    const database = new DatabaseSync(path, { readOnly: true });
    try {
      expect(database.prepare("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
      return (database.prepare("SELECT count(*) AS n FROM star").get() as { n: number }).n;
    } finally {
      database.close();
    }
  };
  const take = async () => {
    await new Promise((done) => setTimeout(done, 1_000));
    const { code, text } = await backup("take", ...of, "--keep", "2");
    expect([code, text]).toEqual([0, expect.stringContaining("took ")]);
    return /took (\S+)/.exec(text)?.[1] ?? "";
  };

  it("holds a database as it is between two writes, while somebody writes", async () => {
    mkdirSync(data, { recursive: true });
    const live = new DatabaseSync(join(data, "grafana.db"));
    live.exec("CREATE TABLE star (name TEXT); BEGIN");
    for (let row = 0; row < 1_000; row++) live.prepare("INSERT INTO star VALUES (?)").run(`dashboard ${row}`);
    live.exec("COMMIT");
    const taken = await take();
    live.exec("INSERT INTO star VALUES ('later')");
    live.close();
    expect(rows(join(archive, taken, "data", "grafana.db"))).toBe(1_000);
  });

  it("replaces data only where that is said, and then brings back what was", async () => {
    const refused = await backup("restore", ...of);
    expect(refused).toMatchObject({ code: 1, text: expect.stringMatching(/holds data: grafana\.db\n.*--overwrite/) });
    expect(rows(join(data, "grafana.db"))).toBe(1_001);
    expect(await backup("restore", ...of, "--overwrite")).toMatchObject({ code: 0 });
    expect(rows(join(data, "grafana.db"))).toBe(1_000);
  });

  it("is removed when there are as many newer ones as are kept", async () => {
    const [first = ""] = names();
    const [second, third] = [await take(), await take()];
    expect(names()).toEqual([second, third]);
    expect(names()).not.toContain(first);
  });

  it("that was cut off has no name of a backup, and is cleared away by the next", async () => {
    const left = join(archive, ".partial-20200101T000000Z");
    mkdirSync(join(left, "data"), { recursive: true });
    writeFileSync(join(left, "manifest.json"), "{}");
    const chosen = await backup("restore", ...of, "--overwrite", "--backup", ".partial-20200101T000000Z");
    expect(chosen).toMatchObject({ code: 1, text: expect.stringContaining("has no backup") });
    await take();
    expect(existsSync(left)).toBe(false);
  });

  it("that lost a file, has a changed one or one more is refused before anything is touched", async () => {
    const newest = names().at(-1) ?? "";
    const stored = join(archive, newest, "data");
    expect(await backup("verify", ...of)).toMatchObject({
      code: 0,
      text: expect.stringContaining("is whole: 1 files"),
    });
    const bytes = readFileSync(join(stored, "grafana.db"));
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    writeFileSync(join(stored, "grafana.db"), bytes);
    writeFileSync(join(stored, "stranger"), "");
    const refused = await backup("restore", ...of, "--overwrite");
    expect(refused.code).toBe(1);
    expect(refused.text).toMatch(/grafana\.db: has changed since/);
    expect(refused.text).toMatch(/stranger: is no file of this backup/);
    expect(rows(join(data, "grafana.db"))).toBe(1_000);
    rmSync(join(stored, "grafana.db"));
    expect((await backup("verify", ...of)).text).toMatch(/grafana\.db: is missing/);
  });

  it("of another program is refused", async () => {
    const [oldest = ""] = names();
    const other = ["--of", "alertmanager", "--archive", archive, "--data", join(folder, "elsewhere")];
    expect(await backup("restore", ...other, "--backup", oldest)).toMatchObject({
      code: 1,
      text: expect.stringContaining("is a backup of grafana"),
    });
  });
});

// Grafana itself is not asked: its publisher's release is its only source. What is known of its database is in grafana.ts.
describe.each(["delete", "wal"])("Grafana's database, its journal in mode %s, while dashboards are saved", (mode) => {
  const folder = join(root, `grafana-${mode}`);
  const [data, archive] = [join(folder, "data"), join(folder, "archive")];
  const of = ["--of", "grafana", "--archive", archive, "--data", data];
  const path = join(data, "grafana.db");
  const saving = () => {
    mkdirSync(data, { recursive: true });
    const child = startChild(process.execPath, [join(import.meta.dirname, "grafana.ts"), path, mode]);
    children.push(child);
    return child;
  };
  /** Everything that a save writes at once, of which a torn copy has a part. */
  const saved = (file: string) => {
    const database = new DatabaseSync(file, { readOnly: true, timeout: 10_000 });
    try {
      const all = (query: string) => database.prepare(query).all() as readonly Record<string, string | number>[];
      const [dashboard] = all("SELECT version, data FROM dashboard");
      const versions = all("SELECT version, data FROM dashboard_version ORDER BY version DESC");
      return { check: all("PRAGMA integrity_check"), dashboard, versions, mode: all("PRAGMA journal_mode") };
    } finally {
      database.close();
    }
  };
  const versionIn = (file: string) => Number(saved(file).dashboard?.version);
  const expectWhole = ({ check, dashboard, versions, mode: found }: ReturnType<typeof saved>) => {
    expect([check, found]).toEqual([[{ integrity_check: "ok" }], [{ journal_mode: mode }]]);
    const newest = Number(dashboard?.version);
    expect(dashboard).toEqual({ version: newest, data: dataOf(newest) });
    expect(versions).toEqual(
      Array.from({ length: versionsKept }, (_, back) => ({ version: newest - back, data: dataOf(newest - back) })),
    );
  };
  const begun = () => expect.poll(() => existsSync(path) && versionIn(path), { timeout: 20_000 }).toBeGreaterThan(30);
  // As in the cluster, where the volume is mounted read-only: who is root gives the right up that permissions do not bind him.
  const bound = process.getuid?.() === 0 && spawnSync("setpriv", ["--version"]).status === 0;
  const take = async () => {
    const limited = bound ? ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] : ["env"];
    mkdirSync(archive, { recursive: true });
    const [program = "", ...args] = [...limited, process.execPath, entry, "take", ...of];
    if (bound) chmodSync(data, 0o555);
    try {
      return await ran(program, ...args);
    } finally {
      chmodSync(data, 0o755);
    }
  };

  it("is copied as it was between two saves, and goes on from there after a crash, its journal and a restore", async () => {
    const writer = saving();
    await begun();
    const before = versionIn(path);
    expect(await take()).toMatchObject({ code: 0, text: expect.stringMatching(/^took /) });
    const [taken = ""] = readdirSync(archive);
    // Whoever opens a database leaves files beside it, which are none of the backup.
    const copy = join(folder, "copy.db");
    copyFileSync(join(archive, taken, "data/grafana.db"), copy);
    const kept = saved(copy);
    expectWhole(kept);
    expect(Number(kept.dashboard?.version)).toBeGreaterThanOrEqual(before);
    await expect.poll(() => versionIn(path), { timeout: 20_000 }).toBeGreaterThan(Number(kept.dashboard?.version) + 30);
    await writer.end("SIGKILL");
    // What a crash leaves beside the database belongs to that one, and must not be applied to the restored one.
    if (mode === "wal") expect(readdirSync(data)).toContain("grafana.db-wal");
    expect(await backup("restore", ...of, "--overwrite")).toMatchObject({ code: 0 });
    expect(readdirSync(data)).toEqual(["grafana.db"]);
    expect(saved(path)).toEqual(kept);
    const again = saving();
    await expect.poll(() => versionIn(path), { timeout: 20_000 }).toBeGreaterThan(Number(kept.dashboard?.version) + 5);
    await again.end();
    expectWhole(saved(path));
  }, 90_000);
});

describe("a backup that is killed", () => {
  it("leaves nothing that looks complete", async () => {
    const folder = join(root, "killed");
    const [data, archive] = [join(folder, "data"), join(folder, "archive")];
    mkdirSync(data, { recursive: true });
    // Nobody writes into the pipe that stands for the silences: the copy waits until it is killed.
    writeFileSync(join(data, "nflog"), "x".repeat(1_000_000));
    await new Promise((done) => execFile("mkfifo", [join(data, "silences")], done));
    const child = startChild(process.execPath, [
      ...[entry, "take", "--of", "alertmanager", "--archive", archive, "--data", data],
    ]);
    children.push(child);
    await expect
      .poll(() => existsSync(archive) && readdirSync(archive, { recursive: true }).length, { timeout: 10_000 })
      .toBeGreaterThan(2);
    await child.end("SIGKILL");
    expect(readdirSync(archive)).toEqual([expect.stringMatching(/^\.partial-/)]);
    const chosen = await backup("verify", "--of", "alertmanager", "--archive", archive);
    expect(chosen).toMatchObject({ code: 1, text: expect.stringContaining("has no backup") });
  });
});
