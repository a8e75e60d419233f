// The ways to break a running stack, each with the way back.
import { execFile } from "node:child_process";
import { readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { Client } from "pg";
import { stackError } from "../../components/errors.ts";
import { call } from "../../components/platforms/process/client.ts";
import { layout } from "../../components/platforms/process/layout.ts";
import { identify, signal } from "../../components/platforms/process/table.ts";
import { needSupervisor, type Running, runningStack, urlIn } from "../stack/running.ts";
import type { Breaker } from "./drill.ts";

const ballast = "drill-ballast";

export interface Breaking extends Breaker {
  /** Undoes everything, also after a way back that fails; throws what failed. */
  readonly heal: () => Promise<void>;
}

export function breaker(stack: string, stopped: AbortSignal): Breaking {
  const undone: (() => unknown)[] = [];
  const now = () => runningStack(stack);
  const instanceOf = (service: string): Running => {
    const found = now().instances.find((each) => each.service === service);
    if (found === undefined) throw stackError(service, "is gone", "See npm run status.");
    return found;
  };
  const ask = (what: "stop" | "restart", service: string) =>
    call(needSupervisor(now()), "POST", what, { instance: instanceOf(service).instance });
  const processOf = (service: string) => {
    const { pid } = instanceOf(service);
    const identity = pid === undefined ? undefined : identify(pid);
    if (identity === undefined) throw stackError(service, "has no process", "See npm run status.");
    return identity;
  };
  const vendor = async (method: "PUT" | "DELETE", path: string): Promise<void> => {
    const url = `${urlIn(now(), "demo-vendor", "web")}${path}`;
    const { ok, status } = await fetch(url, { method, signal: AbortSignal.timeout(5_000) });
    if (!ok) throw stackError("demo-vendor", `answers ${status} to ${method} ${path}`, "Look at its log.");
  };
  return {
    stop: async (service) => {
      undone.push(() => ask("restart", service));
      await ask("stop", service);
    },
    freeze: (service) => {
      const identity = processOf(service);
      // When the supervisor has ended it meanwhile, there is nothing to wake.
      undone.push(() => signal(identity, "SIGCONT", true));
      signal(identity, "SIGSTOP", true);
    },
    kill: (service) => void signal(processOf(service), "SIGKILL", true),
    vendor: async (fault) => {
      undone.push(() => vendor("DELETE", "/faults"));
      await vendor("PUT", `/faults/${fault}`);
    },
    rewrite: (service, path, change, read) => {
      const file = layout(now().root).file(instanceOf(service).instance, path);
      const before = readFileSync(file, "utf8");
      const write = (text: string): void => {
        writeFileSync(file, text);
        if (read === "SIGHUP") signal(processOf(service), read);
      };
      undone.push(() => write(before));
      write(change(before));
    },
    sql: async (statement, undo) => {
      undone.push(() => asAdministrator(stack, undo));
      await asAdministrator(stack, statement);
    },
    fillDisk: async (leave) => {
      const { root } = now();
      const file = join(root, ballast);
      undone.push(() => rmSync(file, { force: true }));
      const { bavail, blocks, bsize } = statfsSync(root);
      const bytes = Math.floor((bavail - blocks * leave) * bsize);
      // Without writing a byte, so that it takes no time and wears nothing out.
      if (bytes > 0)
        await promisify(execFile)("fallocate", ["--length", String(bytes), file]).catch((error: Error) => {
          throw stackError(
            "disk-nearly-full",
            `fallocate cannot take ${(bytes / 2 ** 30).toFixed(1)} GiB: ${error.message.split("\n").at(-1)}`,
            "Run it on Linux, on a file system such as ext4 or xfs.",
          );
        });
    },
    wait: (milliseconds) => pause(milliseconds, undefined, { signal: stopped }),
    heal: async () => {
      const failed: unknown[] = [];
      for (const undo of undone.splice(0).reverse())
        try {
          await undo();
        } catch (error) {
          failed.push(error);
        }
      if (failed.length > 0) throw failed[0];
    },
  };
}

async function asAdministrator(stack: string, statement: string): Promise<void> {
  const running = runningStack(stack);
  const found = running.instances
    .find(({ service }) => service === "demo-postgres")
    ?.secretFiles.find(({ name }) => name === "demoPostgresPassword");
  const { hostname: host, port } = new URL(urlIn(running, "demo-postgres", "postgres"));
  const client = new Client({
    host,
    port: Number(port),
    user: "postgres",
    password: readFileSync(found?.path ?? "", "utf8").trim(),
    database: "clinic",
    connectionTimeoutMillis: 5_000,
  });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
