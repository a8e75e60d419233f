// A way to a Redis as a network's: it keeps a piece back for a while, or leads elsewhere.
import { connect, createServer, type Socket } from "node:net";

export interface Way {
  readonly port: number;
  /** From the first piece on that says this, its connection is dead to its client; the piece arrives when it is released. */
  hold(saying: RegExp): Held;
  /** New connections lead there; those on which nobody subscribes end. */
  lead(port: number): void;
  /** All connections end, and new ones are taken, on which nobody ever says anything; until it leads somewhere again. */
  hush(): void;
  close(): Promise<void>;
}

export interface Held {
  /** Whether there is such a piece. */
  held(): boolean;
  /** What the server answers to it. */
  release(): Promise<string>;
}

export async function wayTo(first: number): Promise<Way> {
  let port = first;
  let wanted: { readonly saying: RegExp; far?: Socket; piece?: Buffer } | undefined;
  const open = new Map<Socket, { subscribes: boolean }>();
  let hushed = false;
  const server = createServer((near) => {
    near.on("error", () => {});
    if (hushed) {
      open.set(near, { subscribes: true });
      near.resume();
      near.on("close", () => open.delete(near));
      return;
    }
    const far = connect(port, "127.0.0.1");
    const is = { subscribes: false };
    let dead = false;
    open.set(near, is);
    near.on("data", (piece) => {
      if (dead) return;
      const text = piece.toString("latin1");
      is.subscribes ||= /\bsubscribe\b/i.test(text);
      dead = wanted !== undefined && wanted.piece === undefined && wanted.saying.test(text);
      if (dead) Object.assign(wanted ?? {}, { far, piece });
      else far.write(piece);
    });
    far.on("data", (piece) => void (dead || near.write(piece)));
    far.on("error", () => near.destroy());
    far.on("close", () => near.destroy());
    near.on("close", () => {
      open.delete(near);
      if (!dead) far.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as { readonly port: number }).port,
    hold: (saying) => {
      const mine: NonNullable<typeof wanted> = { saying };
      wanted = mine;
      return {
        held: () => mine.piece !== undefined,
        release: () =>
          new Promise((resolve) => {
            mine.far?.once("data", (answer) => {
              mine.far?.destroy();
              resolve(answer.toString("latin1"));
            });
            mine.far?.write(mine.piece ?? "");
          }),
      };
    },
    lead: (to) => {
      [port, hushed] = [to, false];
      for (const [near, { subscribes }] of open) if (!subscribes) near.destroy();
    },
    hush: () => {
      hushed = true;
      for (const near of open.keys()) near.destroy();
    },
    close: () => {
      for (const near of open.keys()) near.destroy();
      wanted?.far?.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
