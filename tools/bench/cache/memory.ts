// Prints how many bytes of its process one contender takes for each value that it keeps: `node --expose-gc memory.ts NAME REDIS-PORT PEERS`.
import { contenders } from "./contenders.ts";

const size = 20_000;
const [name = "", redisPort, peers = ""] = process.argv.slice(2);

const settled = async (): Promise<number> => {
  await new Promise((resolve) => setTimeout(resolve, 200));
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

const opened = await contenders[name]?.open("l1", false, {
  redisPort: Number(redisPort),
  prefix: "memory",
  peers,
  size,
});
// What is made at the first use is not an entry's.
await opened?.read(size + 1);
const before = await settled();
for (let id = 0; id < size; id++) await opened?.read(id);
console.log(((await settled()) - before) / size);
await opened?.close();
process.exit();
