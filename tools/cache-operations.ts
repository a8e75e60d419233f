// What an operator does to the caches of all services at once, over the Redis that they share.
import { readFileSync } from "node:fs";
import { Redis } from "ioredis";
import { type Cache, createCache, type RedisSettings } from "../cache/index.ts";
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
  /** One; else every namespace there is. */
  readonly namespace?: string;
}

export interface Done {
  readonly namespace: string;
  readonly complete: boolean;
}

const withinMs = 5_000;

export async function operate(act: Act, where: Where): Promise<readonly Done[]> {
  const redis = settingsOf(where);
  const namespaces = where.namespace === undefined ? await namespacesOn(redis, where.address) : [where.namespace];
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

function settingsOf({
  address,
  user,
  passwordFile,
}: Where): RedisSettings & { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(":");
  const password = passwordFile === undefined ? undefined : readFileSync(passwordFile, "utf8").trimEnd();
  return {
    host: address.slice(0, colon),
    port: Number(address.slice(colon + 1)),
    ...(user === undefined ? {} : { username: user }),
    ...(password === undefined ? {} : { password }),
  };
}

/** Each has marks: `NAMESPACE:{SHARD}:m`. */
async function namespacesOn(redis: ReturnType<typeof settingsOf>, address: string): Promise<readonly string[]> {
  const client = new Redis({
    ...redis,
    connectTimeout: withinMs,
    maxRetriesPerRequest: 1,
    retryStrategy: () => null,
  } as never);
  client.on("error", () => {});
  try {
    const found = new Set<string>();
    for await (const keys of client.scanStream({ match: "*:{*}:m", count: 1_000 }))
      for (const key of keys as readonly string[]) found.add(key.slice(0, key.indexOf(":")));
    return [...found].toSorted();
  } catch (thrown) {
    throw silent(address, messageOf(thrown));
  } finally {
    client.disconnect();
  }
}

const silent = (address: string, why = "it does not answer") =>
  stackError(address, `the caches cannot be reached (${why})`, "Check --redis, --user and --password-file.");
