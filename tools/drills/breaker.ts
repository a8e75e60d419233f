// The ways to break a running stack, each with the way back.
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { createServer } from "node:tls";
import { promisify } from "node:util";
import { Client } from "pg";
import { stackError } from "../../components/errors.ts";
import { call } from "../../components/platforms/process/client.ts";
import { layout } from "../../components/platforms/process/layout.ts";
import { type Identity, identify, signal } from "../../components/platforms/process/table.ts";
import { selfSigned } from "../certificate.ts";
import { needSupervisor, type Running, type RunningStack, runningStack, urlIn } from "../stack/running.ts";
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
  const send = async (statement: string): Promise<void> => {
    const client = await connect(now(), administratorOf(now()));
    await client.query(statement).finally(() => client.end());
  };
  return {
    stop: async (service) => {
      undone.push(() => ask("restart", service));
      await ask("stop", service);
    },
    freeze: (service) => {
      const frozen = new Map<number, Identity>();
      const hold = (): void => {
        const identity = processOf(service);
        if (frozen.has(identity.pid)) return;
        frozen.set(identity.pid, identity);
        signal(identity, "SIGSTOP", true);
      };
      // Nobody wakes what the supervisor has ended meanwhile.
      undone.push(() => {
        for (const identity of frozen.values()) signal(identity, "SIGCONT", true);
      });
      hold();
      const again = setInterval(() => {
        try {
          hold();
        } catch {
          // The next one has not started yet.
        }
      }, 250);
      undone.push(() => clearInterval(again));
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
        if (read !== undefined) signal(processOf(service), read, read === "SIGKILL");
      };
      undone.push(() => write(before));
      write(change(before));
    },
    serveTls: async (seconds) => {
      const { key, cert } = selfSigned("localhost", new Date(), new Date(Date.now() + seconds * 1_000));
      const server = createServer({ key, cert }, (socket) => socket.on("error", () => {}).end());
      await once(server.listen(0, "127.0.0.1"), "listening");
      undone.push(() => server.close());
      return { address: `localhost:${(server.address() as AddressInfo).port}`, certificate: cert };
    },
    sql: async (statement, undo) => {
      undone.push(() => send(undo));
      await send(statement);
    },
    session: async (...statements) => {
      const client = await connect(now(), administratorOf(now()));
      undone.push(() => client.end());
      const last = statements.at(-1) ?? "";
      for (const statement of statements.slice(0, -1)) await client.query(statement);
      await Promise.race([client.query(last), pause(1_000)]);
    },
    takeConnections: async () => {
      const clients: Client[] = [];
      const guest = { user: "drill", password: randomUUID(), database: "postgres" };
      await send(`CREATE ROLE ${guest.user} LOGIN PASSWORD '${guest.password}'`);
      undone.push(() => send(`DROP ROLE ${guest.user}`));
      /** Until the server refuses. */
      const take = async (): Promise<void> => {
        try {
          for (;;) clients.push(await connect(now(), guest));
        } catch (error) {
          if ((error as { readonly code?: string }).code !== "53300") throw error;
        }
      };
      let taking = take();
      // What somebody else gives back is taken as well.
      const again = setInterval(() => {
        taking = taking.then(take).catch(() => {});
      }, 1_000);
      undone.push(async () => {
        clearInterval(again);
        await taking;
        await Promise.all(clients.map((client) => client.end()));
      });
      await taking;
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

interface Role {
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

function administratorOf({ instances }: RunningStack): Role {
  const file = instances.flatMap((each) => each.secretFiles).find(({ name }) => name === "demoPostgresPassword");
  return { user: "postgres", password: readFileSync(file?.path ?? "", "utf8").trim(), database: "clinic" };
}

async function connect(running: RunningStack, role: Role): Promise<Client> {
  const { hostname: host, port } = new URL(urlIn(running, "demo-postgres", "postgres"));
  const client = new Client({
    host,
    port: Number(port),
    ...role,
    connectionTimeoutMillis: 5_000,
  });
  // The server may end it, such as when it is stopped; the next query tells.
  client.on("error", () => {});
  await client.connect();
  return client;
}
