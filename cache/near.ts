// The values that the process keeps itself, and for how long each may be served and when it is loaded anew.
import { performance } from "node:perf_hooks";
import type { Asked } from "./asked.ts";
import type { Bus } from "./bus.ts";
import { type Entry, tagsOf } from "./entry.ts";
import { freeze } from "./freeze.ts";
import type { Memory, Slot } from "./memory.ts";
import type { Name } from "./names.ts";
import type { Plan } from "./policy.ts";

export interface Near {
  /** The value, if it may be served and nobody has to load it anew. */
  fresh(asked: Asked): Slot | undefined;
  /** The value, if it may be served; calls `due` with it when somebody has to load it anew meanwhile. */
  find(asked: Asked, due?: (slot: Slot) => void): Slot | undefined;
  /** Keeps an entry that was read or loaded at `position`, unless it may be invalid by what was heard since. */
  keep(asked: Asked, name: Name, entry: Entry, position: number): void;
  drop(asked: Asked): void;
}

export const createNear = (memory: Memory | undefined, bus: () => Bus): Near => ({
  fresh: (asked) => {
    const slot = memory?.get(asked.key);
    if (slot === undefined) return undefined;
    const now = performance.now();
    return now < slot.refreshAt && bus().live(now) ? slot : undefined;
  },
  find: (asked, due) => {
    const slot = memory?.get(asked.key);
    if (slot === undefined) return undefined;
    const now = performance.now();
    if (now < slot.refreshAt && bus().live(now)) return slot;
    if (now >= slot.until) memory?.drop(asked.key);
    if (now >= slot.until || !bus().live(now)) return undefined;
    due?.(slot);
    if (now >= slot.freshUntil) asked.counts.staleServed++;
    return slot;
  },
  keep: (asked, name, entry, position) => {
    if (memory === undefined || !asked.plan.l1) return;
    const tags = tagsOf(entry.tags());
    if (!bus().unchangedSince(position, name.name, tags)) return;
    const now = performance.now();
    const freshUntil = now + entry.freshMs;
    memory.put({
      key: asked.key,
      policy: asked.plan.name,
      value: freeze(entry.value),
      name: name.name,
      tags,
      bytes: entry.bytes,
      end: entry.end,
      refreshAt: freshUntil - earlyMs(asked.plan, entry),
      freshUntil,
      until: freshUntil + asked.plan.staleWhileRevalidateMs,
      uses: 0,
      at: 0,
      older: undefined,
      newer: undefined,
    });
  },
  drop: (asked) => memory?.drop(asked.key),
});

const aheadShare = 0.2;
/** XFetch's chance to load anew so many loads before the end is below 1 in 10^17. */
const longest = 40;

/** Whether somebody has to load anew what is still served. */
export const isDue = (plan: Plan, entry: Pick<Entry, "value" | "loadMs" | "freshMs">): boolean =>
  (plan.strategy === "refresh-ahead" || entry.freshMs <= longest * entry.loadMs) &&
  entry.freshMs <= earlyMs(plan, entry);

/** How long before its end this process, this time, takes a value for ended: XFetch, and the policy's strategy. */
export function earlyMs(
  { strategy, earlyRefresh, ttlMs, negativeTtlMs }: Plan,
  { value, loadMs }: Pick<Entry, "value" | "loadMs">,
): number {
  const ahead = strategy === "refresh-ahead" ? aheadShare * (value === null ? negativeTtlMs : ttlMs) : 0;
  return earlyRefresh ? Math.max(ahead, -Math.log(1 - Math.random()) * loadMs) : ahead;
}
