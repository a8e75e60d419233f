// A real Redis Cluster of masters without replicas, and a group that Sentinels watch; each on ports of its own, gone afterwards.
import { Redis } from "ioredis";
import { freePort, until } from "./ports.ts";
import { startRedis, type TestRedis } from "./redis.ts";

export interface TestCluster {
  readonly masters: readonly TestRedis[];
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  /** Moves a slot with all its keys from one master to another, as a resharding does. */
  move(slot: number, from: number, to: number): Promise<void>;
  stop(): Promise<void>;
}

const slots = 16_384;
const host = "127.0.0.1";

/** The cluster's bus has a port of its own, ten thousand above by default: too high for a port of the operating system's choice. */
async function startMember(): Promise<TestRedis> {
  const bus = await freePort();
  return startRedis({
    config: [
      "cluster-enabled yes",
      `cluster-port ${bus}`,
      // No master fails in these tests: one that a busy machine keeps from running is not to be taken for it.
      "cluster-node-timeout 15000",
      "cluster-require-full-coverage no",
    ],
  });
}

export async function startCluster(size = 3): Promise<TestCluster> {
  const masters = await Promise.all(Array.from({ length: size }, startMember));
  const clients = masters.map(({ port }) => new Redis(port, host));
  const ids = await Promise.all(clients.map(async (client) => String(await client.call("CLUSTER", "MYID"))));
  const busPort = async (client: Redis): Promise<number> =>
    Number(((await client.config("GET", "cluster-port")) as string[])[1]);
  for (const [index, client] of clients.entries()) {
    const [from, to] = [Math.ceil((index * slots) / size), Math.ceil(((index + 1) * slots) / size) - 1];
    await client.call("CLUSTER", "ADDSLOTSRANGE", from, to);
    await client.call("CLUSTER", "SET-CONFIG-EPOCH", index + 1);
    if (index > 0) await clients[0]?.call("CLUSTER", "MEET", host, masters[index]?.port ?? 0, await busPort(client));
  }
  const isWhole = async (client: Redis): Promise<boolean> =>
    /cluster_state:ok/.test(String(await client.call("CLUSTER", "INFO"))) &&
    String(await client.call("CLUSTER", "NODES")).split("connected").length > size;
  await until(async () => (await Promise.all(clients.map(isWhole))).every(Boolean), 20_000);
  return {
    masters,
    addresses: masters.map(({ port }) => ({ host, port })),
    move: async (slot, from, to) => {
      const [source, target] = [clients[from], clients[to]];
      await target?.call("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[from] ?? "");
      await source?.call("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[to] ?? "");
      for (;;) {
        const keys = (await source?.call("CLUSTER", "GETKEYSINSLOT", slot, 100)) as string[];
        if (keys.length === 0) break;
        await source?.call("MIGRATE", host, masters[to]?.port ?? 0, "", 0, 5_000, "REPLACE", "KEYS", ...keys);
      }
      for (const client of [target, source, ...clients])
        await client?.call("CLUSTER", "SETSLOT", slot, "NODE", ids[to] ?? "");
    },
    stop: async () => {
      for (const client of clients) client.disconnect();
      await Promise.all(masters.map((master) => master.stop("SIGKILL")));
    },
  };
}

export interface TestSentinels {
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  readonly name: string;
  readonly master: TestRedis;
  readonly replica: TestRedis;
  stop(): Promise<void>;
}

/** A master, a replica of it, and three Sentinels that put the replica in the master's place after a second of silence. */
export async function startSentinels(): Promise<TestSentinels> {
  const master = await startRedis();
  const replica = await startRedis({ config: [`replicaof ${host} ${master.port}`] });
  const name = "clinic";
  const sentinels = await Promise.all(
    Array.from({ length: 3 }, () =>
      startRedis({
        sentinel: true,
        config: [
          `sentinel monitor ${name} ${host} ${master.port} 2`,
          `sentinel down-after-milliseconds ${name} 1000`,
          `sentinel failover-timeout ${name} 5000`,
        ],
      }),
    ),
  );
  const watchers = sentinels.map(({ port }) => new Redis(port, host));
  const known = async (watcher: Redis): Promise<boolean> => {
    const [replicas, others] = await Promise.all([
      watcher.call("SENTINEL", "REPLICAS", name) as Promise<unknown[]>,
      watcher.call("SENTINEL", "SENTINELS", name) as Promise<unknown[]>,
    ]);
    return replicas.length === 1 && others.length === 2;
  };
  await until(async () => (await Promise.all(watchers.map(known))).every(Boolean), 30_000);
  for (const watcher of watchers) watcher.disconnect();
  return {
    sentinels: sentinels.map(({ port }) => ({ host, port })),
    name,
    master,
    replica,
    stop: async () => {
      for (const each of [...sentinels, replica, master]) await each.stop("SIGKILL");
    },
  };
}
