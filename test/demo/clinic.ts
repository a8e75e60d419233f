// The demo's programs for tests: a seeded clinic on a PostgreSQL of its own, and its services as real processes.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { type Child, startChild } from "../support/children.ts";
import { freePort, untilListening } from "../support/ports.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

export const clinicPassword = "clinic-app-test-Pw1";
export const statsPassword = "db-stats-test-Pw1";
const root = fileURLToPath(new URL("../..", import.meta.url));

/** A program of the demo, or another one by its path from there, run as a user would run it, with options of Node itself if need be. */
export const startProgram = (program: string | readonly [string, ...string[]], ...args: readonly string[]): Child => {
  const [entry = "", ...options] = [program].flat();
  return startChild(process.execPath, [...options, join(root, "demo", entry), ...args], { cwd: root });
};

export interface Running {
  readonly url: string;
  readonly child: Child;
}

/** A program with --host and --port, when it listens. */
export async function startServer(
  entry: string | readonly [string, ...string[]],
  ...args: readonly string[]
): Promise<Running> {
  const port = await freePort();
  const child = startProgram(entry, ...args, "--host", "127.0.0.1", "--port", String(port));
  await untilListening(port, child.alive, 60_000).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${child.output()}`);
  });
  return { url: `http://127.0.0.1:${port}`, child };
}

export interface Clinic {
  readonly postgres: TestPostgres;
  readonly address: string;
  readonly folder: string;
  /** The password files' options. */
  readonly passwords: readonly string[];
  passwordFile(name: string, value: string): string;
  seed(...args: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }>;
  service(name: string): Promise<Running>;
  /** Rows of one query by the administrator, or by another user. */
  sql<R extends object>(
    text: string,
    as?: { readonly user: string; readonly password: string; readonly database?: string },
  ): Promise<R[]>;
  stop(): Promise<void>;
}

export async function startClinic(settings: Readonly<Record<string, string>> = {}): Promise<Clinic> {
  const folder = mkdtempSync(join(tmpdir(), "vitals-demo-"));
  const postgres = await startPostgres({ settings });
  const address = `127.0.0.1:${postgres.port}`;
  const passwordFile = (name: string, value: string): string => {
    const path = join(folder, name);
    writeFileSync(path, `${value}\n`, { mode: 0o600 });
    return path;
  };
  const passwords = [
    "--admin-password-file",
    passwordFile("admin", postgres.password),
    "--clinic-password-file",
    passwordFile("clinic", clinicPassword),
    "--stats-password-file",
    passwordFile("stats", statsPassword),
  ];
  const children: Child[] = [];
  return {
    postgres,
    address,
    folder,
    passwords,
    passwordFile,
    seed: async (...args) => {
      const child = startProgram("seed.ts", "--address", address, ...passwords, ...args);
      children.push(child);
      return { code: await child.ended, output: child.output() };
    },
    service: async (name) => {
      const running = await startServer(
        "service.ts",
        name,
        "--database",
        address,
        "--password-file",
        join(folder, "clinic"),
      );
      children.push(running.child);
      return running;
    },
    sql: async (text, as) => {
      const client = new pg.Client({
        host: "127.0.0.1",
        port: postgres.port,
        user: postgres.user,
        password: postgres.password,
        database: "clinic",
        ...as,
      });
      client.on("error", () => {});
      try {
        await client.connect();
        return (await client.query(text)).rows;
      } finally {
        await client.end();
      }
    },
    stop: async () => {
      await Promise.all(children.map((child) => (child.alive() ? child.end("SIGKILL") : undefined)));
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The values of a metric by its labels as they are written. */
export async function readMetric(url: string, metric: string): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line.startsWith(`${metric}{`) || line.startsWith(`${metric} `));
  return new Map(
    lines.map((line) => [
      line.slice(metric.length, line.lastIndexOf(" ")),
      Number(line.slice(line.lastIndexOf(" ") + 1)),
    ]),
  );
}

export const sumOf = (values: ReadonlyMap<string, number>): number =>
  [...values.values()].reduce((sum, value) => sum + value, 0);
