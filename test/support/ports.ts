// Ports for tests: given by the operating system, and waited for without guessing how long a program takes.
import { connect, createServer } from "node:net";

/** A port of the loopback address that nothing listens on now. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });

/** Waits until something listens on the port; `alive` ends the wait early when its program has ended. */
export async function untilListening(port: number, alive: () => boolean, withinMs = 20_000): Promise<void> {
  await until(async () => {
    if (!alive()) throw new Error(`the program that should listen on ${port} has ended`);
    return accepts(port);
  }, withinMs);
}

/** Asks again and again until the answer is true or a value; an error ends the wait. */
export async function until<T>(ask: () => T | Promise<T>, withinMs = 10_000): Promise<NonNullable<T>> {
  const end = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${ask}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
