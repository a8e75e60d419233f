// What leaves the process's own values when they are too many.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMemory } from "../../cache/memory.ts";
import type { Eviction } from "../../cache/order.ts";

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
  at: 0,
  older: undefined,
  newer: undefined,
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

  it.each([
    ["lfu", "used much"],
    ["ttl", "to last"],
  ] as const)("%s keeps what is %s among many, whenever it was put in", (eviction: Eviction, _what) => {
    const memory = createMemory({ max: 1_000, eviction });
    // The first and the last hundred are worth keeping, what is between them is not.
    const isGood = (index: number) => index < 100 || index >= 900;
    for (let index = 0; index < 1_000; index++) {
      memory.put(slot(`k${index}`, isGood(index) ? 1_000 : 10));
      if (isGood(index)) for (let use = 0; use < 20; use++) memory.get(`k${index}`);
    }
    for (let index = 0; index < 3_000; index++) memory.put(slot(`once${index}`, 10));
    const kept = Array.from({ length: 1_000 }, (_, index) => isGood(index) && memory.get(`k${index}`) !== undefined);
    expect(kept.filter(Boolean).length).toBeGreaterThan(190);
    expect(memory.size).toBe(1_000);
  });

  it("keeps the order in which they came while others are dropped, put in anew and cleared away", () => {
    const key = fc.constantFrom(..."abcdefgh");
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ put: key }) },
      { weight: 3, arbitrary: fc.record({ drop: key }) },
      { weight: 1, arbitrary: fc.constant({ clear: true }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const memory = createMemory({ max: 3, eviction: "fifo" });
        let expected: readonly string[] = [];
        for (const each of steps) {
          if ("clear" in each) {
            memory.clear();
            expected = [];
          } else if ("drop" in each) {
            memory.drop(each.drop);
            expected = expected.filter((other) => other !== each.drop);
          } else {
            memory.put(slot(each.put, 10));
            expected = [...expected.filter((other) => other !== each.put), each.put].slice(-3);
          }
          expect([..."abcdefgh"].filter((other) => memory.get(other) !== undefined)).toEqual(expected.toSorted());
        }
      }),
    );
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
