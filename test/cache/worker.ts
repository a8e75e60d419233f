// A process with a cache of its own, which does what its parent asks; what it loads, the parent tells it.
import { createCache } from "../../cache/index.ts";
import { policies } from "./support.ts";

export type Request =
  | { readonly id: number; readonly ask: "wrap" | "get"; readonly patient: number }
  | { readonly id: number; readonly ask: "invalidate"; readonly patient: number }
  | { readonly id: number; readonly ask: "stats" }
  /** Reads its own value so many times and tells the mean nanoseconds and the growth of the heap in bytes. */
  | { readonly id: number; readonly ask: "work"; readonly rounds: number }
  | { readonly id: number; readonly loaded: unknown };

const cache = createCache({
  redis: { host: "127.0.0.1", port: Number(process.argv[2]) },
  namespace: "workers",
  policies,
  l1: { max: 500 },
});
const loads = new Map<number, (value: unknown) => void>();
let loadId = 0;
const send = (message: object): void => void process.send?.(message);

const load = (patient: number): Promise<unknown> =>
  new Promise((resolve) => {
    loads.set(++loadId, resolve);
    send({ load: loadId, patient });
  });

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

process.on("message", async (request: Request) => {
  if ("loaded" in request) {
    loads.get(request.id)?.(request.loaded);
    loads.delete(request.id);
    return;
  }
  const answer =
    request.ask === "wrap"
      ? await cache.wrap("patient", request.patient, () => load(request.patient))
      : request.ask === "get"
        ? await cache.get("patient", request.patient)
        : request.ask === "invalidate"
          ? await cache.invalidate({ related: { patient: request.patient } })
          : request.ask === "work"
            ? await work(request.rounds)
            : cache.stats().policies.patient;
  send({ id: request.id, answer });
});
process.on("disconnect", () => process.exit(0));
process.on("unhandledRejection", () => process.exit(3));

await cache.ready(20_000);
send({ ready: true });
