// Which of the values that a process keeps leaves first, when there is no room for another.
import type { Slot } from "./memory.ts";

/** The one not used for longest (nearly), used least, put in first, or ending soonest. */
export const evictions = ["lru", "lfu", "fifo", "ttl"] as const;
export type Eviction = (typeof evictions)[number];

export interface Order {
  add(slot: Slot): void;
  remove(slot: Slot): void;
  /** The one that leaves; undefined when there is none. */
  next(): Slot | undefined;
  clear(): void;
}

export function orderOf(eviction: Eviction): Order {
  if (eviction === "lru") return inTurn(({ uses }) => uses > 0);
  if (eviction === "fifo") return inTurn(() => false);
  return lowestOfSome(eviction === "lfu" ? ({ uses }) => uses : ({ until }) => until);
}

/**
 * From the oldest to the newest, as a list: the oldest of a Map is behind the places of all that are gone. Whoever has a second
 * chance, because it was used since it was last looked at, is the newest again: nearly LRU, and a hit moves nothing.
 */
function inTurn(hasSecondChance: (slot: Slot) => boolean): Order {
  let oldest: Slot | undefined;
  let newest: Slot | undefined;
  const add = (slot: Slot): void => {
    slot.older = newest;
    slot.newer = undefined;
    if (newest === undefined) oldest = slot;
    else newest.newer = slot;
    newest = slot;
  };
  const remove = (slot: Slot): void => {
    if (slot.older === undefined) oldest = slot.newer;
    else slot.older.newer = slot.newer;
    if (slot.newer === undefined) newest = slot.older;
    else slot.newer.older = slot.older;
    // One that is held elsewhere holds no other.
    slot.older = undefined;
    slot.newer = undefined;
  };
  return {
    add,
    remove,
    next: () => {
      for (let slot = oldest; slot !== undefined && hasSecondChance(slot); slot = oldest) {
        slot.uses = 0;
        remove(slot);
        add(slot);
      }
      return oldest;
    },
    clear: () => {
      oldest = undefined;
      newest = undefined;
    },
  };
}

/** Among so many at random the lowest is looked for: near enough, and cheap. */
const sampled = 16;

function lowestOfSome(rank: (slot: Slot) => number): Order {
  const all: Slot[] = [];
  return {
    add: (slot) => {
      slot.at = all.push(slot) - 1;
    },
    // The last takes its place.
    remove: (slot) => {
      const end = all.pop();
      if (end === undefined || end === slot) return;
      end.at = slot.at;
      all[slot.at] = end;
    },
    next: () => {
      let found: Slot | undefined;
      for (let index = 0; index < Math.min(sampled, all.length); index++) {
        const slot = all[all.length > sampled ? Math.floor(Math.random() * all.length) : index];
        if (slot !== undefined && (found === undefined || rank(slot) < rank(found))) found = slot;
      }
      return found;
    },
    clear: () => {
      all.length = 0;
    },
  };
}
