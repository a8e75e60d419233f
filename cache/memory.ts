// The values that a process keeps itself: bounded, with the choice of what leaves first.
import { covers } from "./change.ts";
import { type Eviction, orderOf } from "./order.ts";

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
  /** Its place in the order in which they leave. */
  at: number;
  older: Slot | undefined;
  newer: Slot | undefined;
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

export function createMemory(
  { max = 10_000, eviction = "lru" }: MemoryOptions,
  onEvict: (policy: string) => void = () => {},
): Memory {
  const order = orderOf(eviction);
  const slots = new Map<string, Slot>();
  const byName = new Map<string, string>();
  const byTag = new Map<string, Set<string>>();
  let bytes = 0;

  const remove = (slot: Slot): void => {
    slots.delete(slot.key);
    order.remove(slot);
    bytes -= slot.bytes;
    if (byName.get(slot.name) === slot.key) byName.delete(slot.name);
    for (const tag of slot.tags) {
      const keys = byTag.get(tag);
      keys?.delete(slot.key);
      if (keys?.size === 0) byTag.delete(tag);
    }
  };
  const evict = (): void => {
    const slot = order.next();
    if (slot === undefined) return;
    remove(slot);
    onEvict(slot.policy);
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
      if (slots.size >= max) evict();
      slots.set(slot.key, slot);
      order.add(slot);
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
      order.clear();
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
