// A real PostgreSQL server for a test: a cluster of its own with password authentication, gone afterwards.
import { writeFileSync } from "node:fs";
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findTool, resolveTool } from "../../tools/resolve.ts";
import { type Child, startChild } from "./children.ts";
import { freePort, until } from "./ports.ts";
import { processesOf } from "./processes.ts";

export interface TestPostgres {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The server's pid now. */
  pid(): number;
  /** What the server has logged since its last start. */
  output(): string;
  /** Puts a file that the server may read into its folder; the data directory is `data` there. */
  write(path: string, text: string): void;
  /** Ends the server and keeps its data: SIGQUIT as in a crash, SIGINT in order. */
  halt(signal?: "SIGINT" | "SIGQUIT" | "SIGKILL"): Promise<void>;
  /** Starts it again on the same port and data. */
  resume(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

export interface PostgresOptions {
  readonly password?: string;
  /** Server settings, such as `{ max_connections: "10" }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** PostgreSQL refuses to run as root. */
const unprivileged = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

/** Why a test that needs PostgreSQL cannot run here; undefined when it can. */
export const postgresMissing = (): string | undefined =>
  findTool("postgres") === undefined ? "skipped: postgres is not there (npm run tools -- get)" : undefined;

export async function startPostgres(options: PostgresOptions = {}): Promise<TestPostgres> {
  const { password = "postgres-test-password", settings = {} } = options;
  const folder = await mkdtemp(join(tmpdir(), "vitals-postgres-"));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const data = join(folder, "data");
  const passwordFile = join(folder, "password");
  await writeFile(passwordFile, password, { mode: 0o600 });
  for (const path of [folder, passwordFile])
    if (unprivileged.uid !== undefined) await chown(path, unprivileged.uid, unprivileged.gid);
  const environment = { cwd: folder, env: { PATH: process.env.PATH, LC_ALL: "C" }, ...unprivileged };

  const initdb = startChild(
    resolveTool("initdb").path,
    [
      "-D",
      data,
      "-U",
      "postgres",
      "-A",
      "scram-sha-256",
      `--pwfile=${passwordFile}`,
      "--no-sync",
      "-E",
      "UTF8",
      "--no-instructions",
    ],
    environment,
  );
  if ((await initdb.ended) !== 0) {
    await remove();
    throw new Error(`initdb failed:\n${initdb.output()}`);
  }

  const port = await freePort();
  const all = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "",
    fsync: "off",
    ...settings,
  };
  const args = ["-D", data, ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
  let server: Child;
  const start = async (): Promise<void> => {
    server = startChild(resolveTool("postgres").path, args, environment);
    // The port opens before recovery has ended; the log says when it has.
    await until(() => {
      if (!server.alive()) throw new Error(`postgres did not start:\n${server.output()}`);
      return server.output().includes("ready to accept connections");
    }, 30_000);
  };
  const halt = async (signal: NodeJS.Signals = "SIGINT"): Promise<void> => {
    if (server.alive()) await server.end(signal);
    // A killed server's workers notice a moment later, and until then keep the next one from starting.
    await until(() => processesOf([folder]).length === 0);
  };
  try {
    await start();
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    port,
    user: "postgres",
    password,
    pid: () => server.pid,
    output: () => server.output(),
    write: (path, text) => writeFileSync(join(folder, path), text),
    halt,
    resume: start,
    stop: async () => {
      await halt();
      await remove();
    },
  };
}
