// What an operator does to the caches of all services at once, over the Redis that they share.
import { readFileSync } from "node:fs";
import { Redis } from "ioredis";
import { type Cache, createCache, namespaceForm, type RedisSettings } from "../cache/index.ts";
import { messageOf, stackError } from "../components/errors.ts";

/** Each act, and what is true once it is done. */
export const acts = {
  "flush-all": "nothing of what was cached counts any more",
  "disable-fallback": "caching is off",
  enable: "caching is on",
} as const;
export type Act = keyof typeof acts;

export interface Where {
  /** host:port */
  readonly address: string;
  readonly user?: string;
  readonly passwordFile?: string;
  readonly tls?: boolean;
  /** One; else every namespace there is. */
  readonly namespace?: string;
}

export interface Done {
  readonly namespace: string;
  readonly complete: boolean;
}

const withinMs = 5_000;

export async function operate(act: Act, where: Where): Promise<readonly Done[]> {
  const { redis, masters } = await serversOf(loginOf(where), where.address);
  const namespaces = where.namespace === undefined ? await namespacesOn(masters, where.address) : [where.namespace];
  return Promise.all(
    namespaces.map(async (namespace) => {
      const cache = createCache({ redis, namespace, policies: {}, l1: false, deadlineMs: withinMs });
      try {
        if (!(await cache.ready(withinMs))) throw silent(where.address);
        const done = await perform(act, cache);
        await cache.swept();
        return { namespace, ...done };
      } finally {
        await cache.close();
      }
    }),
  );
}

const perform = (act: Act, cache: Cache<Record<never, never>>) =>
  act === "flush-all" ? cache.flush() : cache.switch(act === "enable" ? "on" : "off");

interface Login {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: NonNullable<RedisSettings["tls"]>;
}

function loginOf({ address, user, passwordFile, tls }: Where): Login {
  const colon = address.lastIndexOf(":");
  const password = passwordFile === undefined ? undefined : readFileSync(passwordFile, "utf8").trimEnd();
  return {
    host: address.slice(0, colon),
    port: Number(address.slice(colon + 1)),
    ...(user === undefined ? {} : { username: user }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls: {} } : {}),
  };
}

/** From one server to all masters: itself, or those of the Cluster that it is in. */
async function serversOf(
  login: Login,
  address: string,
): Promise<{ readonly redis: RedisSettings; readonly masters: readonly Login[] }> {
  const ranges = await ask(login, address, async (client) =>
    /cluster_enabled:1/.test(await client.info("cluster")) ? await client.cluster("SLOTS") : undefined,
  );
  if (ranges === undefined) return { redis: login, masters: [login] };
  // A server that does not know its own address leaves it empty: the one by which it was reached.
  const at = ([host, port]: readonly [host: string, port: number, ...rest: readonly unknown[]]) => ({
    host: host || login.host,
    port,
  });
  const places = new Map(
    ranges.flatMap(([, , master]) => (master === undefined ? [] : [[`${master[0]}:${master[1]}`, at(master)]])),
  );
  const { host: _host, port: _port, ...rest } = login;
  return {
    redis: { ...rest, cluster: [...places.values()] },
    masters: [...places.values()].map((place) => ({ ...rest, ...place })),
  };
}

/** Each has marks: `NAMESPACE:{SHARD}:m`. */
async function namespacesOn(masters: readonly Login[], address: string): Promise<readonly string[]> {
  const found = new Set<string>();
  for (const master of masters)
    await ask(master, address, async (client) => {
      for await (const keys of client.scanStream({ match: "*:{*}:m", count: 1_000 }))
        for (const key of keys as readonly string[]) {
          const name = key.slice(0, key.indexOf(":"));
          // Others may have keys of this form, too.
          if (namespaceForm.test(name)) found.add(name);
        }
    });
  return [...found].toSorted();
}

async function ask<V>(login: Login, address: string, question: (client: Redis) => Promise<V>): Promise<V> {
  const client = new Redis({
    ...login,
    connectTimeout: withinMs,
    maxRetriesPerRequest: 1,
    retryStrategy: () => null,
  } as never);
  client.on("error", () => {});
  try {
    return await question(client);
  } catch (thrown) {
    throw silent(address, messageOf(thrown));
  } finally {
    client.disconnect();
  }
}

const silent = (address: string, why = "it does not answer") =>
  stackError(address, `the caches cannot be reached (${why})`, "Check --redis, --user and --password-file.");
