// What leaves the process's own values when they are too many.
import { describe, expect, it } from "vitest";
import { createMemory, type Eviction } from "../../cache/memory.ts";

const slot = (key: string, until: number) => ({
  key,
  policy: "patient",
  value: key,
  name: `name-of-${key}`,
  tags: [`#${key}`, "#all"],
  bytes: 10,
  end: 0,
  refreshAt: until,
  freshUntil: until,
  until,
  uses: 0,
});

describe("memory", () => {
  it.each([
    ["lru", "b"],
    ["lfu", "c"],
    ["fifo", "a"],
    ["ttl", "d"],
  ] as const)("%s lets %s go first", (eviction: Eviction, gone) => {
    const evicted: string[] = [];
    const memory = createMemory({ max: 4, eviction }, (policy) => evicted.push(policy));
    for (const [key, until] of [
      ["a", 40],
      ["b", 30],
      ["c", 20],
      ["d", 10],
    ] as const)
      memory.put(slot(key, until));
    const used = eviction === "lfu" ? ["a", "a", "b", "b", "d", "d", "c"] : ["a"];
    for (const key of used) memory.get(key);
    memory.put(slot("e", 50));
    expect(["a", "b", "c", "d", "e"].filter((key) => memory.get(key) === undefined)).toEqual([gone]);
    expect(evicted).toEqual(["patient"]);
    expect([memory.size, memory.bytes]).toEqual([4, 40]);
  });

  it("lets one go even when each was used", () => {
    const memory = createMemory({ max: 2 });
    for (const key of ["a", "b", "c"]) {
      memory.put(slot(key, 10));
      memory.get(key);
    }
    expect(memory.size).toBe(2);
  });

  it("drops by name, by tag and by pattern", () => {
    const memory = createMemory({});
    for (const key of ["a", "b", "c"]) memory.put(slot(key, 10));
    memory.dropName("name-of-a");
    memory.dropTag("#b");
    expect(memory.size).toBe(1);
    memory.dropPatterns(["name-of-*"]);
    expect(memory.size).toBe(1);
    memory.dropPatterns(["*"]);
    expect([memory.size, memory.bytes]).toEqual([0, 0]);
  });
});
