// A real redis-server for a test: on a port of its own, in a folder of its own, gone afterwards.
import { chmodSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findTool, resolveTool } from "../../tools/resolve.ts";
import { startChild } from "./children.ts";
import { freePort, untilListening } from "./ports.ts";

export interface TestRedis {
  readonly port: number;
  readonly pid: number;
  /** Ends it and removes its folder. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface RedisOptions {
  readonly password?: string;
  /** Lines of ACL users, such as `user probe on >secret +ping`. */
  readonly acl?: readonly string[];
  /** Further lines of redis.conf. */
  readonly config?: readonly string[];
  /** Runs as a Sentinel, which knows only its own settings. */
  readonly sentinel?: boolean;
  /** To come back where an earlier one was. */
  readonly port?: number;
}

/** Why a test that needs Redis cannot run here; undefined when it can. */
export const redisMissing = (): string | undefined =>
  findTool("redis-server") === undefined ? "skipped: redis-server is not there (npm run tools -- get)" : undefined;

export async function startRedis({
  password,
  acl = [],
  config = [],
  port,
  sentinel = false,
}: RedisOptions = {}): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), "vitals-redis-"));
  const chosen = port ?? (await freePort());
  const lines = [
    "bind 127.0.0.1",
    `port ${chosen}`,
    `dir ${folder}`,
    "daemonize no",
    ...(sentinel ? [] : ['save ""', "appendonly no"]),
    ...(password === undefined ? [] : [`requirepass ${password}`]),
    ...acl,
    ...config,
  ];
  const file = join(folder, "redis.conf");
  await writeFile(file, `${lines.join("\n")}\n`, { mode: 0o600 });
  chmodSync(folder, 0o700);
  const child = startChild(resolveTool("redis-server").path, sentinel ? [file, "--sentinel"] : [file]);
  const stop = async (signal?: NodeJS.Signals): Promise<void> => {
    await child.end(signal);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await untilListening(chosen, child.alive);
  } catch (error) {
    await stop();
    throw new Error(`redis-server did not start:\n${child.output()}`, { cause: error });
  }
  return { port: chosen, pid: child.pid, stop };
}
