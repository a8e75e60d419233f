import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { statsConfig } from "../../exporters/db-stats/config.ts";
import { type Connection, createConnections, type Owner } from "../../exporters/db-stats/connections.ts";
import { postgresOwner } from "../../exporters/db-stats/postgres/connection.ts";
import { redisOwner } from "../../exporters/db-stats/redis/connection.ts";

interface Fake extends Connection {
  readonly id: number;
  alive: boolean;
}

function owner(id: string, open: () => Promise<void> = async () => undefined): Owner<Fake> & { readonly made: Fake[] } {
  const made: Fake[] = [];
  return {
    id,
    server: id,
    made,
    open: async () => {
      await open();
      const fake: Fake = {
        id: made.length,
        alive: true,
        healthy: () => fake.alive,
        destroy: () => {
          fake.alive = false;
        },
        close: async () => {
          await pause(20);
          fake.alive = false;
        },
      };
      made.push(fake);
      return fake;
    },
  };
}

const never = new AbortController().signal;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("connections under a budget", () => {
  it("are reused, one use at a time", async () => {
    const connections = createConnections(3);
    const main = owner("main");
    let running = 0;
    let most = 0;
    const use = () =>
      connections.with(main, never, async () => {
        most = Math.max(most, ++running);
        await pause(5);
        running--;
      });
    await Promise.all(Array.from({ length: 10 }, use));
    await use();
    expect(main.made).toHaveLength(1);
    expect(most).toBe(1);
  });

  it("never exceed the budget, and nobody is left out", async () => {
    const connections = createConnections(2);
    const owners = ["a", "b", "c", "d", "e"].map((id) => owner(id));
    let most = 0;
    const done = await Promise.all(
      owners.flatMap((each) =>
        [1, 2].map(() =>
          connections.with(each, never, async () => {
            most = Math.max(most, connections.open());
            await pause(5);
            return each.id;
          }),
        ),
      ),
    );
    expect(done).toHaveLength(10);
    expect(most).toBe(2);
    const alive = owners.flatMap(({ made }) => made).filter((each) => each.alive);
    expect(alive.length).toBeLessThanOrEqual(2);
  });

  it("are opened in another's place only when its server has let go", async () => {
    const connections = createConnections(1);
    const [first, second] = [owner("first"), owner("second")];
    await connections.with(first, never, async () => undefined);
    await connections.with(second, never, async () => {
      expect(first.made[0]?.alive).toBe(false);
    });
  });

  it("take the place of one whose server does not let go, after a while", async () => {
    const connections = createConnections(1);
    const stubborn = owner("stubborn");
    await connections.with(stubborn, never, async (fake) => {
      fake.close = () => new Promise(() => undefined);
    });
    expect(await connections.with(owner("other"), never, async ({ id }) => id)).toBe(0);
    expect(stubborn.made[0]?.alive).toBe(false);
  });

  it("grow for a database while one use holds the first up, and shrink again", async () => {
    const connections = createConnections(3);
    const main = owner("main");
    let release = (): void => undefined;
    const slow = connections.with(
      main,
      never,
      () =>
        new Promise<void>((resolve) => {
          release = resolve;
        }),
    );
    await connections.with(main, never, async () => undefined);
    expect(main.made).toHaveLength(2);
    release();
    await slow;
    await pause(60);
    expect(main.made.filter(({ alive }) => alive)).toHaveLength(1);
    expect(connections.open()).toBe(1);
  });

  it("are given up at the deadline of their use, and waiting ends at the deadline too", async () => {
    const connections = createConnections(1);
    const main = owner("main");
    const deadline = AbortSignal.timeout(50);
    const frozen = connections.with(main, deadline, () => new Promise<void>(() => undefined));
    void frozen.catch(() => undefined);
    await expect(connections.with(owner("other"), AbortSignal.timeout(20), async () => 1)).rejects.toThrow("timeout");
    await pause(60);
    expect(main.made[0]?.alive).toBe(false);
    expect(await connections.with(main, never, async ({ id }) => id)).toBe(1);
  });

  it("are not opened again by each of those who wait when opening fails", async () => {
    let attempts = 0;
    const connections = createConnections(3);
    const away = owner("away", async () => {
      attempts++;
      await pause(10);
      throw new Error("refused");
    });
    const results = await Promise.allSettled(
      Array.from({ length: 6 }, () => connections.with(away, never, async () => 1)),
    );
    expect(results.every(({ status }) => status === "rejected")).toBe(true);
    expect(attempts).toBe(1);
    expect(connections.open()).toBe(0);
  });

  it("are not used again when they broke while idle, and go when their database goes", async () => {
    const connections = createConnections(3);
    const main = owner("main");
    await connections.with(main, never, async () => undefined);
    if (main.made[0]) main.made[0].alive = false;
    expect(await connections.with(main, never, async ({ id }) => id)).toBe(1);
    connections.drop(main);
    expect(main.made[1]?.alive).toBe(false);
    expect(connections.open()).toBe(0);
  });

  it("are not opened for a use whose time was over while files were still being read", async () => {
    let accepted = 0;
    const server = createServer((socket) => {
      accepted++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { readonly port: number };
    const { databases } = statsConfig.parse({
      databases: ["postgres", "redis"].map((kind) => ({ id: kind, kind, address: `127.0.0.1:${port}`, user: "stats" })),
    });
    for (const entry of databases) {
      const over = new AbortController();
      const one =
        entry.kind === "postgres" ? postgresOwner(entry, () => undefined) : redisOwner(entry, () => undefined);
      const opening = one.open(over.signal, () => undefined);
      over.abort();
      await expect(opening).rejects.toThrow("timeout");
    }
    await pause(50);
    expect(accepted).toBe(0);
    await new Promise((resolve) => server.close(resolve));
  });

  it("are waited for by nobody, but not opened again, while their server takes its time; other servers have their place", async () => {
    const connections = createConnections(1);
    let open = (): void => undefined;
    let attempts = 0;
    const slow = owner("slow");
    const stuck: typeof slow = {
      ...slow,
      open: async (signal, begun) => {
        begun();
        if (++attempts === 1)
          await new Promise<void>((resolve) => {
            open = resolve;
          });
        return slow.open(signal, begun);
      },
    };
    const neighbour = { ...owner("neighbour"), server: stuck.server };
    for (let turn = 0; turn < 3; turn++) {
      await expect(connections.with(stuck, AbortSignal.timeout(30), async () => 1)).rejects.toThrow("timeout");
      await pause(520);
    }
    await expect(connections.with(neighbour, never, async () => 1)).rejects.toThrow("timeout");
    expect([attempts, neighbour.made.length]).toEqual([1, 0]);
    await connections.with(owner("elsewhere"), never, async () => undefined);
    open();
    await pause(600);
    expect(await connections.with(stuck, never, async ({ id }) => id)).toBeGreaterThanOrEqual(0);
  });
});
