// A way to a server, as a load balancer's or a bad network's: it can lead elsewhere, and be late.
import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface Relay {
  readonly port: number;
  /** Leads new connections elsewhere; those that are open end. */
  to(port: () => number): void;
  /** Holds back each piece of an answer for so many milliseconds. */
  late(ms: number): void;
  close(): Promise<void>;
}

/** A way to a server, as a load balancer's or a bad network's. */
export async function relay(first: () => number): Promise<Relay> {
  let [port, delay] = [first, 0];
  const sockets = new Set<Socket>();
  const end = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const server: Server = createServer((near) => {
    const far = connect(port(), "127.0.0.1");
    let before = Promise.resolve();
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
    near.on("data", (piece) => far.write(piece));
    far.on("data", (piece) => {
      const wait = sleep(delay);
      before = Promise.all([before, wait]).then(() => void (near.destroyed || near.write(piece)));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as { readonly port: number }).port,
    to: (next) => {
      port = next;
      end();
    },
    late: (ms) => {
      delay = ms;
    },
    close: () => {
      end();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
