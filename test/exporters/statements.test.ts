import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { credit, newLedger } from "../../exporters/db-stats/postgres/statements.ts";

/** Calls and total time; the other counts stay 0. */
const entry = (calls: number, time: number): readonly number[] => [calls, time, 0, 0, 0, 0, 0];
const look = (entries: Readonly<Record<string, readonly [calls: number, time: number]>>) =>
  new Map(Object.entries(entries).map(([id, [calls, time]]) => [id, entry(calls, time)]));

describe("the ledger of statements", () => {
  it("credits each growth to the statement while it is listed, else to other, and nothing from before the first look", () => {
    const ledger = newLedger();
    const calls = (id: string) => ledger.credited.get(id)?.[0];
    credit(ledger, look({ a: [100, 9], b: [50, 1] }), 1, 1);
    expect([calls("a"), calls("other"), ledger.listed]).toEqual([0, 0, ["a"]]);
    credit(ledger, look({ a: [103, 9.1], b: [57, 1.2] }), 1, 1);
    expect([calls("a"), calls("other")]).toEqual([3, 7]);
    // b overtakes a: from now on it has a series of its own, and a's growth is other's.
    credit(ledger, look({ a: [104, 9.2], b: [67, 20] }), 1, 1);
    expect([calls("a"), calls("b"), calls("other"), ledger.listed]).toEqual([3, 10, 8, ["b"]]);
    // a comes back where it stopped.
    credit(ledger, look({ a: [106, 30], b: [67, 20] }), 1, 1);
    expect([calls("a"), calls("b"), calls("other")]).toEqual([5, 10, 8]);
  });

  it("takes a count that was reset, or forgotten and came back, as new, even where it is larger than before", () => {
    const ledger = newLedger();
    credit(ledger, look({ a: [5, 1] }), 1, 1);
    credit(ledger, look({ a: [7, 1] }), 1, 2);
    expect(ledger.credited.get("a")?.[0]).toBe(7);
    credit(ledger, look({}), 1, 2);
    credit(ledger, look({ a: [2, 1] }), 1, 2);
    expect(ledger.credited.get("a")?.[0]).toBe(9);
    credit(ledger, look({ a: [1, 1] }), 1, 2);
    expect(ledger.credited.get("a")?.[0]).toBe(10);
  });

  it("only grows, and adds up to all that was done, whatever the order of events", () => {
    const growth = fc.record({ id: fc.constantFrom("a", "b", "c", "d"), calls: fc.nat(9), time: fc.nat(50) });
    fc.assert(
      fc.property(fc.array(fc.array(growth, { maxLength: 4 }), { maxLength: 20 }), fc.nat(3), (rounds, limit) => {
        const ledger = newLedger();
        const now: Record<string, [number, number]> = { a: [3, 3], b: [2, 2], c: [1, 1] };
        credit(ledger, look(now), limit, 1);
        let done = 0;
        for (const round of rounds) {
          const before = new Map(ledger.credited);
          for (const { id, calls, time } of round) {
            const [had = 0, took = 0] = now[id] ?? [];
            now[id] = [had + calls, took + time];
            done += calls;
          }
          credit(ledger, look(now), limit, 1);
          for (const [id, amounts] of before)
            for (const [index, value] of amounts.entries())
              expect(ledger.credited.get(id)?.[index]).toBeGreaterThanOrEqual(value);
        }
        expect([...ledger.credited.values()].reduce((sum, [calls = 0]) => sum + calls, 0)).toBe(done);
      }),
    );
  });
});
