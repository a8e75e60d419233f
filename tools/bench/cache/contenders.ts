// The caches that are measured side by side: ours, bare lru-cache and ioredis, and four libraries of others, each doing the same.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createCache } from "../../../cache/index.ts";

/** Where a value lies when it is asked for. */
export type Layer = "l1" | "l2";

export interface Contender {
  /** Keeps a value under each id and then reads it as a service would; absent where it has no such thing. */
  readonly open: (layer: Layer, tagged: boolean, setting: Setting) => Promise<Opened | undefined>;
}

export interface Opened {
  readonly read: (id: number) => unknown;
  readonly close: () => unknown;
}

export interface Setting {
  readonly redisPort: number;
  /** Keys of this run begin with it. */
  readonly prefix: string;
  /** Where the peers are installed. */
  readonly peers: string;
  /** How many values are kept. */
  readonly size: number;
}

export const recordOf = (id: number): object => ({
  id,
  name: `Patient ${id}`,
  birthDate: "1980-05-17",
  address: { street: `${id} Main Street`, city: "Springfield", zip: "12345" },
  allergies: ["penicillin", "latex"],
  notes: "x".repeat(100),
});
const ttlSeconds = 3_600;
/** Two, one of which all share. */
const tagsOf = (id: number): string[] => ["records", `patient:${id}`];
const load = (id: number) => async () => recordOf(id);

const policies = {
  plain: { key: "plain:{patient}", ttl: ttlSeconds },
  tagged: { key: "tagged:{patient}", ttl: ttlSeconds, tags: ["records", "patient:{patient}"] },
} as const;

/** The floor of a layer: what there is without a library. */
export const bare = "bare";

export const contenders: Readonly<Record<string, Contender>> = {
  [bare]: {
    open: async (layer, _tagged, { peers, redisPort, prefix, size }) => {
      if (layer === "l1") {
        const { LRUCache } = await peer(peers, "lru-cache");
        const kept = new LRUCache({ max: size, ttl: ttlSeconds * 1_000 });
        return {
          read: (id) => kept.get(`${prefix}:${id}`) ?? keep(kept, `${prefix}:${id}`, id),
          close: () => {},
        };
      }
      const { Redis } = await import("ioredis");
      const redis = new Redis(redisPort, "127.0.0.1");
      const get = async (id: number): Promise<unknown> => {
        const text = await redis.get(`${prefix}:${id}`);
        if (text !== null) return JSON.parse(text);
        await redis.set(`${prefix}:${id}`, JSON.stringify(recordOf(id)), "EX", ttlSeconds);
        return recordOf(id);
      };
      return { read: get, close: () => redis.disconnect() };
    },
  },
  ours: {
    open: async (layer, tagged, { redisPort, prefix, size }) => {
      const cache = createCache({
        redis: { host: "127.0.0.1", port: redisPort },
        namespace: prefix,
        policies,
        l1: layer === "l1" && { max: size },
      });
      await cache.ready();
      const policy = tagged ? "tagged" : "plain";
      return { read: (id) => cache.wrap(policy, id, load(id)), close: () => cache.close() };
    },
  },
  bentocache: {
    open: async (layer, tagged, { peers, redisPort, prefix, size }) => {
      const { BentoCache, bentostore } = await peer(peers, "bentocache");
      const { memoryDriver } = await peer(peers, "bentocache/drivers/memory");
      const { redisDriver } = await peer(peers, "bentocache/drivers/redis");
      const connection = { host: "127.0.0.1", port: redisPort };
      // Its L1 without serialization, which is its fastest way.
      const store =
        layer === "l1"
          ? bentostore().useL1Layer(memoryDriver({ maxItems: size, serialize: false }))
          : bentostore().useL2Layer(redisDriver({ connection }));
      const cache = new BentoCache({ default: "one", prefix, stores: { one: store } });
      const read = (id: number): unknown =>
        cache.getOrSet({
          key: `${id}`,
          factory: load(id),
          ttl: `${ttlSeconds}s`,
          ...(tagged ? { tags: tagsOf(id) } : {}),
        });
      return { read, close: () => cache.disconnectAll() };
    },
  },
  cacheable: {
    open: async (layer, tagged, { peers, redisPort, prefix, size }) => {
      const { Cacheable, CacheableMemory, Keyv } = await peer(peers, "cacheable");
      const { createKeyv } = await peer(peers, "@keyv/redis");
      const primary =
        layer === "l1"
          ? new Keyv({ store: new CacheableMemory({ lruSize: size }) })
          : createKeyv(`redis://127.0.0.1:${redisPort}`);
      const cache = new Cacheable({ primary, tags: tagged });
      const read = (id: number): unknown =>
        cache.getOrSet(`${prefix}:${id}`, load(id), {
          ttl: ttlSeconds * 1_000,
          ...(tagged ? { tags: tagsOf(id) } : {}),
        });
      return { read, close: () => cache.disconnect() };
    },
  },
  "cache-manager": {
    open: async (layer, tagged, { peers, redisPort, prefix, size }) => {
      if (tagged) return undefined;
      const { createCache: create } = await peer(peers, "cache-manager");
      const { CacheableMemory, Keyv } = await peer(peers, "cacheable");
      const { createKeyv } = await peer(peers, "@keyv/redis");
      const store =
        layer === "l1"
          ? new Keyv({ store: new CacheableMemory({ lruSize: size }) })
          : createKeyv(`redis://127.0.0.1:${redisPort}`);
      const cache = create({ stores: [store] });
      const read = (id: number): unknown => cache.wrap(`${prefix}:${id}`, load(id), ttlSeconds * 1_000);
      return { read, close: () => cache.disconnect() };
    },
  },
  "async-cache-dedupe": {
    open: async (layer, tagged, { peers, redisPort, prefix, size }) => {
      const { createCache: create } = await peer(peers, "async-cache-dedupe");
      const { Redis } = await peer(peers, "ioredis");
      const client = layer === "l2" ? new Redis(redisPort, "127.0.0.1") : undefined;
      const invalidation = layer === "l1" ? true : { referencesTTL: ttlSeconds };
      const options = { ...(tagged ? { invalidation } : {}), ...(client === undefined ? { size } : { client }) };
      const cache = create({ ttl: ttlSeconds, storage: { type: layer === "l1" ? "memory" : "redis", options } });
      cache.define(prefix, tagged ? { references: tagsOf } : {}, async (id: number) => recordOf(id));
      return { read: (id) => cache[prefix](id), close: () => client?.disconnect() };
    },
  },
};

function keep(kept: { set(key: string, value: object): unknown }, key: string, id: number): object {
  kept.set(key, recordOf(id));
  return recordOf(id);
}

/** A module of the peers' own folder, whose types are not known here. */
// biome-ignore lint/suspicious/noExplicitAny: it is somebody else's
async function peer(folder: string, name: string): Promise<any> {
  return import(pathToFileURL(createRequire(join(folder, "package.json")).resolve(name)).href);
}
