// PostgreSQL from its npm package, started through our entrypoint as an unprivileged user.
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { acquire } from "../../tools/acquire.ts";
import { type Child, startChild } from "../support/children.ts";
import { freePort, until } from "../support/ports.ts";
import { program } from "./programs-by-name.ts";
import { recorder, temporaryFolder } from "./support.ts";

const isRoot = process.getuid?.() === 0;
const nobody = isRoot ? { uid: 65_534, gid: 65_534 } : {};
const password = "a password with 'quotes' and \"more\"";
const tools = { dir: "", bin: "" };

interface Started {
  readonly server: Child;
  readonly port: number;
}

/** A folder of the user that the server runs as. */
function ownFolder(...names: readonly string[]): string {
  const folder = join(temporaryFolder(), ...names);
  mkdirSync(folder, { recursive: true });
  if (nobody.uid !== undefined) chownSync(folder, nobody.uid, nobody.gid);
  return folder;
}

function passwordFile(folder: string, text = password): string {
  const file = join(folder, "password");
  writeFileSync(file, text, { mode: 0o600 });
  if (nobody.uid !== undefined) chownSync(file, nobody.uid, nobody.gid);
  return file;
}

async function start(env: NodeJS.ProcessEnv, bin = tools.bin): Promise<Started> {
  const port = await freePort();
  const server = startChild(
    join(bin, "postgres-entrypoint"),
    [
      "postgres",
      "-p",
      `${port}`,
      "-c",
      "listen_addresses=127.0.0.1",
      "-c",
      "unix_socket_directories=",
      "-c",
      "fsync=off",
    ],
    { cwd: "/", env: { PATH: "/usr/bin:/bin", ...env }, ...nobody },
  );
  onTestFinished(async () => {
    await server.end("SIGINT");
  });
  return { server, port };
}

async function query(
  port: number,
  server: Child,
  options: { user?: string; database?: string; password?: string },
  sql: string,
) {
  await until(() => !server.alive() || server.output().includes("ready to accept connections"), 60_000);
  const client = new pg.Client({ host: "127.0.0.1", port, user: "postgres", password, ...options });
  await client.connect();
  try {
    return (await client.query(sql)).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

describe("PostgreSQL from npm", () => {
  beforeAll(async () => {
    const dir = mkdtempSync(join(tmpdir(), "vitals-tools-"));
    chmodSync(dir, 0o755);
    tools.dir = dir;
    const { acquired } = await acquire({ only: [program("postgres")], dir, report: recorder() });
    expect(acquired).toMatchObject([{ source: "npm", fresh: true }]);
    const folder = readdirSync(join(dir, "postgres")).find((name) => !name.startsWith(".")) ?? "";
    tools.bin = join(dir, "postgres", folder, "bin");
  }, 60_000);
  afterAll(() => rmSync(tools.dir, { recursive: true, force: true }));

  it("has the symbolic links that npm cannot store", () => {
    if (process.platform === "linux")
      expect(readlinkSync(join(tools.bin, "../lib/libpq.so.5"))).toMatch(/^libpq\.so\.5\./);
    expect(readdirSync(tools.bin)).toEqual(
      expect.arrayContaining(["initdb", "pg_ctl", "postgres", "postgres-entrypoint"]),
    );
  });

  it("gets the current entrypoint also when it is in the cache already", async () => {
    const script = join(tools.bin, "postgres-entrypoint");
    const current = readFileSync(script, "utf8");
    writeFileSync(script, "#!/bin/sh\nexit 1\n");
    const { acquired } = await acquire({ only: [program("postgres")], dir: tools.dir, report: recorder() });
    expect(acquired).toMatchObject([{ fresh: false }]);
    expect(readFileSync(script, "utf8")).toBe(current);
  });

  it("makes its data directory with user, password and database, and serves them", { timeout: 120_000 }, async () => {
    const folder = ownFolder("state");
    const env = {
      PGDATA: join(folder, "data"),
      POSTGRES_USER: "clinic",
      POSTGRES_DB: 'clinic "A"',
      POSTGRES_PASSWORD_FILE: passwordFile(folder),
    };
    const { server, port } = await start(env);
    const one = { user: "clinic", database: 'clinic "A"' };
    expect(await query(port, server, one, "SELECT 1 AS one, current_setting('server_encoding') AS encoding")).toEqual([
      { one: 1, encoding: "UTF8" },
    ]);
    await expect(query(port, server, { ...one, password: "wrong" }, "SELECT 1")).rejects.toThrow(
      "password authentication failed",
    );
    await query(port, server, one, "CREATE TABLE kept AS SELECT 42 AS answer");
    await server.end("SIGINT");
    expect(readdirSync(folder).sort()).toEqual(["data", "password"]);

    const again = await start(env);
    expect(await query(again.port, again.server, one, "SELECT answer FROM kept")).toEqual([{ answer: 42 }]);
    expect(again.server.output()).not.toContain("making");
  });

  it("takes nothing for a data directory that a killed initdb left", { timeout: 120_000 }, async () => {
    const folder = ownFolder("state");
    const data = join(folder, "data");
    const env = { PGDATA: data, POSTGRES_PASSWORD_FILE: passwordFile(folder) };
    const first = await start(env);
    await until(() => readdirSync(folder).some((name) => existsSync(join(folder, name, "base"))), 60_000);
    await first.server.end("SIGKILL");
    expect(existsSync(data)).toBe(false);

    const { server, port } = await start(env);
    expect(await query(port, server, {}, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    // The killed script's initdb lived on for a moment; what it left goes with the next start.
    await server.end("SIGINT");
    const { server: next, port: nextPort } = await start(env);
    expect(await query(nextPort, next, {}, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    expect(readdirSync(folder).sort()).toEqual(["data", "password"]);
  });

  it.skipIf(!isRoot)(
    "works in a mount point whose parent is not its own (skipped unless root)",
    { timeout: 120_000 },
    async () => {
      const data = ownFolder("data");
      const secrets = ownFolder("secrets");
      const env = { PGDATA: data, POSTGRES_PASSWORD_FILE: passwordFile(secrets), POSTGRES_DB: "clinic" };
      const { server, port } = await start(env);
      expect(await query(port, server, { database: "clinic" }, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
      expect(readdirSync(data).filter((name) => name.startsWith("."))).toEqual([]);
    },
  );

  it.skipIf(!isRoot)(
    "finishes a start that was killed while it moved its parts (skipped unless root)",
    { timeout: 120_000 },
    async () => {
      // A mv that gives up after a few parts stands for the kill.
      const data = ownFolder("data");
      const env = { PGDATA: data, POSTGRES_PASSWORD_FILE: passwordFile(ownFolder("secrets")) };
      const commands = temporaryFolder();
      writeFileSync(
        join(commands, "mv"),
        `#!/bin/sh\n[ "$(ls -A "${data}" | wc -l)" -gt 5 ] && kill -9 $PPID && exit 1\nexec /bin/mv "$@"\n`,
        { mode: 0o755 },
      );
      const killed = await start({ ...env, PATH: `${commands}:/usr/bin:/bin` });
      await killed.server.ended;
      expect(existsSync(join(data, "PG_VERSION"))).toBe(false);
      expect(readdirSync(data).some((name) => existsSync(join(data, name, ".moving")))).toBe(true);

      const { server, port } = await start(env);
      expect(await query(port, server, {}, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
      expect(server.output()).toContain("finishing an interrupted start");
      expect(readdirSync(data).filter((name) => name.startsWith("."))).toEqual([]);
    },
  );

  it("says in one line what is wrong", async () => {
    const folder = ownFolder("state");
    const used = ownFolder("used");
    writeFileSync(join(used, "letter.txt"), "mine");
    const cases: readonly (readonly [NodeJS.ProcessEnv, string])[] = [
      [{}, "PGDATA is not set"],
      [{ PGDATA: join(folder, "data") }, "POSTGRES_PASSWORD_FILE is not set"],
      [{ PGDATA: join(folder, "data"), POSTGRES_PASSWORD_FILE: join(folder, "none") }, "cannot be read or is empty"],
      [{ PGDATA: used, POSTGRES_PASSWORD_FILE: passwordFile(folder) }, "is neither empty nor a data directory"],
    ];
    for (const [env, message] of cases) {
      const { server } = await start(env);
      expect(await server.ended).toBe(1);
      expect(server.output()).toContain(message);
      expect(server.output()).toContain("  -> ");
    }
    expect(readFileSync(join(used, "letter.txt"), "utf8")).toBe("mine");
    expect(existsSync(join(folder, "data"))).toBe(false);
  });

  it.skipIf(!isRoot)("refuses root with a line of its own (skipped unless root)", async () => {
    const child = startChild(join(tools.bin, "postgres-entrypoint"), [], {
      env: { PATH: "/usr/bin:/bin", PGDATA: "/nowhere" },
    });
    expect(await child.ended).toBe(1);
    expect(child.output()).toContain("PostgreSQL refuses to run as root");
  });
});
