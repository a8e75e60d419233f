// The values that a process keeps itself: bounded, with the choice of what leaves first.

import { covers } from "./change.ts";

/** What leaves when it is full: the one not used for longest (nearly), used least, put in first, or ending soonest. */
export const evictions = ["lru", "lfu", "fifo", "ttl"] as const;
export type Eviction = (typeof evictions)[number];

export interface MemoryOptions {
  /** Number of values; default 10 000. */
  readonly max?: number;
  readonly eviction?: Eviction;
}

export interface Slot {
  readonly key: string;
  readonly policy: string;
  readonly value: unknown;
  /** The entry's name and tags in Redis: what an invalidation speaks of. */
  readonly name: string;
  readonly tags: readonly string[];
  readonly bytes: number;
  /** That of the entry in Redis. */
  readonly end: number;
  /** From then on it is loaded anew by the first who asks; on the process's own clock, in ms. */
  refreshAt: number;
  /** Until then it is fresh; after that, and until `until`, it is served as stale. */
  readonly freshUntil: number;
  readonly until: number;
  uses: number;
  /** Its place among those of which some are looked at. */
  at: number;
}

export interface Memory {
  get(key: string): Slot | undefined;
  put(slot: Slot): void;
  drop(key: string): void;
  dropName(name: string): void;
  dropTag(tag: string): void;
  dropPatterns(patterns: readonly string[]): void;
  clear(): void;
  readonly size: number;
  readonly bytes: number;
}

/** Among so many at random the least used, or the one that ends first, is looked for: near enough, and cheap. */
const sampled = 16;

export function createMemory(
  { max = 10_000, eviction = "lru" }: MemoryOptions,
  onEvict: (policy: string) => void = () => {},
): Memory {
  // A Map keeps the order of insertion, which is all that LRU and FIFO need.
  const isOrdered = eviction === "lru" || eviction === "fifo";
  const slots = new Map<string, Slot>();
  const all: Slot[] = [];
  const byName = new Map<string, string>();
  const byTag = new Map<string, Set<string>>();
  let bytes = 0;

  const remove = (slot: Slot): void => {
    slots.delete(slot.key);
    if (!isOrdered) leave(slot);
    bytes -= slot.bytes;
    if (byName.get(slot.name) === slot.key) byName.delete(slot.name);
    for (const tag of slot.tags) {
      const keys = byTag.get(tag);
      keys?.delete(slot.key);
      if (keys?.size === 0) byTag.delete(tag);
    }
  };
  /** The last takes its place. */
  const leave = (slot: Slot): void => {
    const end = all.pop();
    if (end === undefined || end === slot) return;
    end.at = slot.at;
    all[slot.at] = end;
  };
  const first = (): Slot | undefined => {
    for (const slot of slots.values()) {
      if (eviction === "fifo" || slot.uses === 0) return slot;
      // A second chance for what was used since it was last looked at: nearly LRU, and a hit moves nothing.
      slot.uses = 0;
      slots.delete(slot.key);
      slots.set(slot.key, slot);
    }
    return undefined;
  };
  const rank = (slot: Slot): number => (eviction === "lfu" ? slot.uses : slot.until);
  /** The lowest of a few: of all when they are no more. */
  const lowest = (): Slot | undefined => {
    let found: Slot | undefined;
    for (let index = 0; index < Math.min(sampled, all.length); index++) {
      const slot = all[all.length > sampled ? Math.floor(Math.random() * all.length) : index];
      if (slot !== undefined && (found === undefined || rank(slot) < rank(found))) found = slot;
    }
    return found;
  };
  const evict = (): void => {
    const worst = isOrdered ? first() : lowest();
    if (worst === undefined) return;
    remove(worst);
    onEvict(worst.policy);
  };
  const dropKey = (key: string | undefined): void => {
    const slot = key === undefined ? undefined : slots.get(key);
    if (slot !== undefined) remove(slot);
  };

  return {
    get: (key) => {
      const slot = slots.get(key);
      if (slot !== undefined) slot.uses++;
      return slot;
    },
    put: (slot) => {
      dropKey(slot.key);
      while (slots.size >= max) evict();
      slots.set(slot.key, slot);
      if (!isOrdered) slot.at = all.push(slot) - 1;
      bytes += slot.bytes;
      byName.set(slot.name, slot.key);
      for (const tag of slot.tags) {
        const keys = byTag.get(tag);
        if (keys === undefined) byTag.set(tag, new Set([slot.key]));
        else keys.add(slot.key);
      }
    },
    drop: dropKey,
    dropName: (name) => dropKey(byName.get(name)),
    dropTag: (tag) => {
      for (const key of [...(byTag.get(tag) ?? [])]) dropKey(key);
    },
    dropPatterns: (patterns) => {
      for (const slot of [...slots.values()]) if (patterns.some((pattern) => covers(pattern, slot.name))) remove(slot);
    },
    clear: () => {
      slots.clear();
      all.length = 0;
      byName.clear();
      byTag.clear();
      bytes = 0;
    },
    get size() {
      return slots.size;
    },
    get bytes() {
      return bytes;
    },
  };
}
