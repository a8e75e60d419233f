// Caches on a real Redis for a test, and the ends of them.
import { type Cache, type CacheOptions, createCache, type RedisSettings } from "../../cache/index.ts";
import type { Policies } from "../../cache/policy.ts";

export const policies = {
  patient: { key: "patient:{patient}", ttl: 60, related: { patient: "patient" } },
  visits: { key: "visits:{patient}:{year}", ttl: 60, related: { patient: "patient" }, tags: ["visits"] },
  notes: { key: "notes:{note}", ttl: 60, l1: false },
} as const satisfies Policies;

const brief = { ttl: 0.03, jitter: 0.5, related: { patient: "patient" }, tags: ["visits"] } as const;
/** Of the same shape, each with an end of its own kind, which comes soon; and one whose writes keep what they write. */
export const dying = {
  short: { key: "short:{patient}:{year}", ...brief },
  served: { key: "served:{patient}:{year}", ...brief, staleWhileRevalidate: 60 },
  ill: { key: "ill:{patient}:{year}", ...brief, staleIfError: 60 },
  through: { key: "through:{patient}:{year}", ...brief, ttl: 60, strategy: "write-through" },
} as const satisfies Policies;

const open: Cache<Policies>[] = [];

/** A cache that answers. Each is a process of its own as far as the protocol is concerned. Its deadline is that of a busy machine. */
export async function cacheOn<const P extends Policies>(options: CacheOptions<P>): Promise<Cache<P>> {
  const cache = createCache({ deadlineMs: 2_000, ...options });
  open.push(cache as unknown as Cache<Policies>);
  if (!(await cache.ready(10_000))) throw new Error("Redis does not answer the cache");
  return cache;
}

/** A server that has just begun to keep a namespace waits for processes of which it may not know; afterwards it need not. */
export async function untilBorn(redis: RedisSettings, namespace: string): Promise<void> {
  const cache = await cacheOn({ redis, namespace, policies });
  await cache.flush();
  await cache.close();
}

export async function closeCaches(): Promise<void> {
  await Promise.all(open.splice(0).map((cache) => cache.close()));
}

/** A promise and its two ends. */
export function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open: () => open() };
}
