// A real PostgreSQL server for a test: a cluster of its own with password authentication, gone afterwards.
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findTool, resolveTool } from "../../tools/resolve.ts";
import { type Child, startChild } from "./children.ts";
import { freePort, until } from "./ports.ts";
import { allPids, commandLine, parentOf, processesOf } from "./processes.ts";

export interface TestPostgres {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Its data directory. */
  readonly data: string;
  /** The server's pid now. */
  pid(): number;
  /** Its processes for sessions of a role, those included that are still being started, or whose client has left. */
  backends(role: string): number;
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
  /** An older major version; without it, the stack's own. */
  readonly major?: Major;
  /** Its standby: a copy of its data, for which it is stopped a moment; it streams what comes after. */
  readonly standbyOf?: TestPostgres;
}

/** Every major version that db-stats reads. */
export const majors = [14, 15, 16, 17, 18] as const;
export type Major = (typeof majors)[number];
const binaryOf = (name: "postgres" | "initdb", major: Major = 18): string => (major === 18 ? name : `${name}-${major}`);

/** PostgreSQL refuses to run as root. */
const unprivileged = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

/** Why a test that needs PostgreSQL cannot run here; undefined when it can. */
export const postgresMissing = (major?: Major): string | undefined =>
  findTool(binaryOf("postgres", major)) === undefined
    ? `skipped: ${binaryOf("postgres", major)} is not there (npm run tools -- get --tests)`
    : undefined;

export async function startPostgres(options: PostgresOptions = {}): Promise<TestPostgres> {
  const { standbyOf, password = standbyOf?.password ?? "postgres-test-password", settings = {}, major } = options;
  const folder = await mkdtemp(join(tmpdir(), "vitals-postgres-"));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const data = join(folder, "data");
  const passwordFile = join(folder, "password");
  await writeFile(passwordFile, password, { mode: 0o600 });
  for (const path of [folder, passwordFile])
    if (unprivileged.uid !== undefined) await chown(path, unprivileged.uid, unprivileged.gid);
  const environment = { cwd: folder, env: { PATH: process.env.PATH, LC_ALL: "C" }, ...unprivileged };

  const made =
    standbyOf === undefined ? await initialised(data, passwordFile, environment, major) : await copied(standbyOf, data);
  if (made !== undefined) {
    await remove();
    throw new Error(made);
  }

  const port = await freePort();
  const all = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "",
    fsync: "off",
    ...(standbyOf === undefined
      ? {}
      : {
          primary_conninfo: `host=127.0.0.1 port=${standbyOf.port} user=${standbyOf.user} password=${standbyOf.password} application_name=standby`,
        }),
    ...settings,
  };
  const args = ["-D", data, ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
  let server: Child;
  const start = async (): Promise<void> => {
    server = startChild(resolveTool(binaryOf("postgres", major)).path, args, environment);
    // The port opens before recovery has ended; the log says when it has.
    await until(() => {
      if (!server.alive()) throw new Error(`postgres did not start:\n${server.output()}`);
      return /ready to accept (?:read-only )?connections/.test(server.output());
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
    await halt("SIGKILL");
    await remove();
    throw error;
  }
  return {
    port,
    user: "postgres",
    password,
    data,
    pid: () => server.pid,
    backends: (role) =>
      allPids().filter((pid) => commandLine(pid).startsWith(`postgres: ${role} `) && parentOf(pid) === server.pid)
        .length,
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

/** Makes a new cluster; what went wrong, if anything did. */
async function initialised(
  data: string,
  passwordFile: string,
  environment: Parameters<typeof startChild>[2],
  major: Major | undefined,
): Promise<string | undefined> {
  const initdb = startChild(
    resolveTool(binaryOf("initdb", major)).path,
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
  return (await initdb.ended) === 0 ? undefined : `initdb failed:\n${initdb.output()}`;
}

/** Copies a primary's data as it is at rest, and makes a standby of it. */
async function copied(primary: TestPostgres, data: string): Promise<undefined> {
  await primary.halt();
  // With the owner, who is not us.
  execFileSync("cp", ["-a", primary.data, data]);
  rmSync(join(data, "postmaster.pid"), { force: true });
  writeFileSync(join(data, "standby.signal"), "");
  await primary.resume();
}
