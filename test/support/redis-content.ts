// Everything that a Redis holds, as text: to look for what must not be there.
import type { Redis } from "ioredis";

/** By what kind of value a key has. */
const readers: Readonly<Record<string, (client: Redis, key: string) => Promise<unknown>>> = {
  string: async (client, key) => (await client.getBuffer(key))?.toString("latin1") ?? "",
  hash: (client, key) => client.hgetall(key),
  set: (client, key) => client.smembers(key),
  zset: (client, key) => client.zrange(key, "0", "-1"),
  // It has gone meanwhile.
  none: async () => "",
};

/** Values as JSON. Rejects at a kind of value that it cannot read. */
export async function contentOf(
  client: Redis,
): Promise<{ readonly keys: readonly string[]; readonly values: readonly string[] }> {
  const keys: string[] = [];
  for await (const some of client.scanStream()) keys.push(...(some as string[]));
  const values = await Promise.all(
    keys.map(async (key) => {
      const kind = await client.type(key);
      const read = readers[kind];
      if (read === undefined) throw new TypeError(`a ${kind} in Redis`);
      return JSON.stringify(await read(client, key));
    }),
  );
  return { keys, values };
}
