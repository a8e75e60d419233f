// A process with a cache of its own, which does what its parent asks; what it loads, the parent tells it.
import { createCache } from "../../cache/index.ts";
import { dying, policies } from "./support.ts";

/** What a parent may ask: a call of the cache, where `load` and `save` stand for the parent's; or much work at once. */
export type Request =
  | { readonly id: number; readonly ask: Asked; readonly args: readonly unknown[] }
  | { readonly id: number; readonly loaded: unknown }
  | { readonly id: number; readonly failed: string };
export type Asked = "wrap" | "get" | "set" | "save" | "delete" | "invalidate" | "flush" | "stats" | "work";

export type Answer =
  | { readonly ready: true }
  | { readonly load: number; readonly of: string }
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly threw: string };

const [port, namespace = "workers", max = "500"] = process.argv.slice(2);
const cache = createCache({
  redis: { host: "127.0.0.1", port: Number(port) },
  namespace,
  policies: { ...policies, ...dying },
  l1: { max: Number(max) },
  deadlineMs: 2_000,
});
const loads = new Map<number, PromiseWithResolvers<unknown>>();
let last = 0;
const send = (message: Answer): void => void process.send?.(message);

const load = (of: string) => (): Promise<unknown> => {
  const waiting = Promise.withResolvers<unknown>();
  loads.set(++last, waiting);
  send({ load: last, of });
  return waiting.promise;
};

/** Reads its own values and makes them invalid so many times; the growth of the heap in bytes. */
async function work(rounds: number): Promise<number> {
  const grown = async (): Promise<number> => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    globalThis.gc?.();
    return process.memoryUsage().heapUsed;
  };
  const some = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done += 50)
      await Promise.all(
        Array.from({ length: 50 }, (_, index) => {
          const patient = 1_000 + ((done * 7 + index * 13) % 2_000);
          if (index === 0) return cache.invalidate({ related: { patient } });
          return cache.wrap("patient", patient, async () => ({ patient, text: "x".repeat(100) }));
        }),
      );
  };
  await some(Math.min(rounds, 20_000));
  const before = await grown();
  await some(rounds);
  return (await grown()) - before;
}

async function answer(ask: Asked, args: readonly unknown[]): Promise<unknown> {
  if (ask === "work") return work(Number(args[0]));
  if (ask === "stats") return cache.stats().policies;
  const call = cache[ask] as (...args: readonly unknown[]) => Promise<unknown>;
  const [policy, id, ...rest] = args;
  if (ask === "wrap") return call(policy, id, load(String(rest[0])));
  if (ask === "save") return call(policy, id, rest[0], load(String(rest[1])));
  return call(...args);
}

process.on("message", (request: Request) => {
  const { id } = request;
  if ("ask" in request) {
    answer(request.ask, request.args).then(
      (value) => send({ id, answer: value }),
      (thrown: unknown) => send({ id, threw: String(thrown) }),
    );
    return;
  }
  if ("failed" in request) loads.get(id)?.reject(new Error(request.failed));
  else loads.get(id)?.resolve(request.loaded);
  loads.delete(id);
});
process.on("disconnect", () => process.exit(0));
process.on("unhandledRejection", () => process.exit(3));

await cache.ready(20_000);
send({ ready: true });
