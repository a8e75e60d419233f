// Real processes with caches of their own, as a test talks to them.
import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import type { Answer, Asked, Request } from "./worker.ts";

export interface Worker {
  readonly child: ChildProcess;
  /** Calls its cache. Never settles when the process ends before it answers. */
  ask(ask: Asked, ...args: readonly unknown[]): Promise<unknown>;
}

export interface WorkerOptions {
  readonly redisPort: number;
  readonly namespace: string;
  /** How many values it keeps itself. */
  readonly max?: number;
  /** Loads for it; `of` is what stood in the place of the loader. */
  readonly load: (of: string) => Promise<unknown>;
}

export async function startWorker({ redisPort, namespace, max = 500, load }: WorkerOptions): Promise<Worker> {
  const args = [String(redisPort), namespace, String(max)];
  const child = fork(join(import.meta.dirname, "worker.ts"), args, { execArgv: ["--expose-gc"] });
  const asked = new Map<number, PromiseWithResolvers<unknown>>();
  let last = 0;
  const send = (message: Request): void => {
    // Who has been killed meanwhile hears nothing more.
    if (child.connected) child.send(message, () => {});
  };
  await new Promise<void>((resolve) => {
    child.on("message", (message: Answer) => {
      if ("ready" in message) return resolve();
      if ("load" in message) {
        const id = message.load;
        load(message.of).then(
          (loaded) => send({ id, loaded }),
          (thrown: unknown) => send({ id, failed: String(thrown) }),
        );
        return;
      }
      if ("threw" in message) asked.get(message.id)?.reject(new Error(message.threw));
      else asked.get(message.id)?.resolve(message.answer);
      asked.delete(message.id);
    });
  });
  return {
    child,
    ask: (ask, ...rest) => {
      const waiting = Promise.withResolvers<unknown>();
      asked.set(++last, waiting);
      send({ id: last, ask, args: rest });
      return waiting.promise;
    },
  };
}
