import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { credit, type Ledger, type Look, newLedger } from "../../exporters/db-stats/postgres/statements.ts";

type Entries = Readonly<Record<string, readonly [calls: number, time: number]>>;

/** Calls and total time of entries named `id` or `id/user`; the other counts stay 0. A second after the look before it. */
const look = (entries: Entries, about: Partial<Omit<Look, "entries">> = {}): Look => ({
  at: 100,
  reset: 1,
  started: 1,
  after: 1,
  ...about,
  entries: new Map(
    Object.entries(entries).map(([key, [calls, time]]) => [
      key,
      { id: key.split("/", 1)[0] ?? "", amounts: [calls, time, 0, 0, 0, 0, 0] },
    ]),
  ),
});
const callsOf = (ledger: Ledger, id: string): number | undefined => ledger.credited.get(id)?.[0];

describe("the ledger of statements", () => {
  it("credits each growth to the statement while it is listed, else to other, and nothing from before the first look", () => {
    const ledger = newLedger();
    const calls = (id: string) => callsOf(ledger, id);
    credit(ledger, look({ a: [100, 9], b: [50, 1] }), 1);
    expect([calls("a"), calls("other"), ledger.listed]).toEqual([0, 0, ["a"]]);
    credit(ledger, look({ a: [103, 9.1], b: [57, 1.2] }), 1);
    expect([calls("a"), calls("other")]).toEqual([3, 7]);
    // b overtakes a: from now on it has a series of its own, and a's growth is other's.
    credit(ledger, look({ a: [104, 9.2], b: [67, 20] }), 1);
    expect([calls("a"), calls("b"), calls("other"), ledger.listed]).toEqual([3, 10, 8, ["b"]]);
    // a comes back where it stopped.
    credit(ledger, look({ a: [106, 30], b: [67, 20] }), 1);
    expect([calls("a"), calls("b"), calls("other")]).toEqual([5, 10, 8]);
  });

  it("takes an entry that was forgotten and came back as new, and the others of its statement as they are", () => {
    const ledger = newLedger();
    credit(ledger, look({ "a/1": [5, 1], "a/2": [70, 1] }), 1);
    credit(ledger, look({ "a/2": [70, 1] }), 1);
    expect(callsOf(ledger, "a")).toBe(0);
    credit(ledger, look({ "a/1": [2, 1], "a/2": [70, 1] }), 1);
    expect(callsOf(ledger, "a")).toBe(2);
    credit(ledger, look({ "a/1": [2, 1], "a/2": [3, 1] }), 1);
    expect(callsOf(ledger, "a")).toBe(5);
    // As many calls in less time than before.
    credit(ledger, look({ "a/1": [2, 0.5], "a/2": [3, 1] }), 1);
    expect(callsOf(ledger, "a")).toBe(7);
  });

  it.each<readonly [says: string, about: Partial<Look>, credited: number]>([
    ["a reset after the last look: all is new", { at: 110, reset: 101 }, 7],
    ["another time of reset that is before the last look: none is new", { at: 110, reset: 99 }, 0],
    [
      "a server that was started after the last look, and began to count then",
      { at: 110, started: 108, reset: 108, after: 5 },
      7,
    ],
    ["a server that was started after the last look with what it had counted", { at: 110, started: 108, after: 5 }, 2],
    ["another server, which ran already", { at: 110, started: 50, reset: 50, after: 5 }, 0],
    ["another server, which ran already, with a copy of what was counted", { at: 110, started: 50, after: 5 }, 0],
    ["another server whose clock is an hour ahead", { at: 3_710, started: 3_650, reset: 3_650, after: 5 }, 0],
    ["another server, started anew, that counts since long ago", { at: 110, started: 108, reset: 50, after: 5 }, 0],
    ["an extension that now tells since when", { at: 110, reset: 1 }, 2],
  ])("knows %s", (says, about, credited) => {
    const ledger = newLedger();
    const first = says.startsWith("an extension") ? { reset: null } : {};
    credit(ledger, look({ a: [5, 1] }, first), 1);
    if (says.startsWith("an extension")) credit(ledger, look({ a: [5, 1] }), 1);
    credit(ledger, look({ a: [7, 1] }, about), 1);
    expect(callsOf(ledger, "a")).toBe(credited);
  });

  it("forgets the accounts first that were listed longest ago, and other never", () => {
    const ledger = newLedger();
    const list = (id: string) => credit(ledger, look({ [id]: [1, 1] }), 1);
    for (let n = 0; n < 10; n++) list(`s${n}`);
    list("s0");
    list("s10");
    expect([...ledger.credited.keys()].toSorted()).toEqual(
      ["other", "s0", "s10", ...[2, 3, 4, 5, 6, 7, 8, 9].map((n) => `s${n}`)].toSorted(),
    );
  });

  /** What happens to two servers between looks; `look` is ours, at the one that answers to the address. */
  const event = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        does: fc.constant("call" as const),
        key: fc.constantFrom("a/1", "a/2", "b/1", "c/1", "d/2"),
        time: fc.nat(50),
        server: fc.nat(1),
      }),
    },
    { weight: 4, arbitrary: fc.record({ does: fc.constant("look" as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        does: fc.constant("forget" as const),
        key: fc.constantFrom("a/1", "a/2", "b/1"),
        server: fc.nat(1),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        does: fc.constantFrom("reset" as const, "crash" as const, "restart" as const),
        server: fc.nat(1),
      }),
    },
    { weight: 1, arbitrary: fc.record({ does: fc.constant("failover" as const) }) },
  );

  it("only grows, never says more than was done while it watched, and all of it where nothing was lost", () => {
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 60 }),
        fc.nat(3),
        fc.integer({ min: -9_000, max: 9_000 }),
        (events, limit, skew) => {
          const ledger = newLedger();
          const servers = [0, skew].map((ahead) => ({
            ahead,
            started: ahead - 50,
            reset: ahead - 90,
            entries: { "a/1": [3, 3] } as Record<string, [number, number]>,
          }));
          let [now, over, active, looks] = [0, Number.NEGATIVE_INFINITY, 0, 0];
          const done = new Map<string, number>();
          for (const each of events) {
            now += 1;
            const server = servers["server" in each ? each.server : active];
            if (server === undefined) continue;
            if (each.does === "call") {
              const [calls, time] = server.entries[each.key] ?? [0, 0];
              server.entries[each.key] = [calls + 1, time + each.time];
              const id = each.key.split("/", 1)[0] ?? "";
              if (looks > 0) done.set(id, (done.get(id) ?? 0) + 1);
            } else if (each.does === "forget") delete server.entries[each.key];
            else if (each.does === "reset") Object.assign(server, { reset: now + server.ahead, entries: {} });
            else if (each.does === "crash")
              Object.assign(server, { started: now + server.ahead, reset: now + server.ahead, entries: {} });
            else if (each.does === "restart") server.started = now + server.ahead;
            else if (each.does === "failover") active = 1 - active;
            else {
              const before = new Map(ledger.credited);
              const { entries, reset, started, ahead } = server;
              credit(ledger, look(entries, { reset, started, at: now + ahead, after: now - over }), limit);
              [over, looks] = [now, looks + 1];
              for (const [id, amounts] of before)
                for (const [index, value] of amounts.entries())
                  expect(ledger.credited.get(id)?.[index] ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(value);
              const all = [...ledger.credited.values()].reduce((sum, [calls = 0]) => sum + calls, 0);
              const truly = [...done.values()].reduce((sum, calls) => sum + calls, 0);
              expect(all).toBeLessThanOrEqual(truly);
              for (const [id, [calls = 0]] of ledger.credited)
                if (id !== "other") expect(calls).toBeLessThanOrEqual(done.get(id) ?? 0);
              if (
                events.every(
                  ({ does, ...more }) => (does === "call" && "server" in more && more.server === 0) || does === "look",
                )
              )
                expect(all).toBe(truly);
            }
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
