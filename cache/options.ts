// What is wrong with the options of a cache, beside its policies: told before anything is begun, all at once.
import type { CacheOptions } from "./cache.ts";
import type { CacheProblem } from "./errors.ts";
import { evictions } from "./order.ts";
import type { Policies } from "./policy.ts";

/** The options of each part; an unknown one is somebody's mistake. */
const known = {
  options: ["redis", "namespace", "policies", "l1", "encryption", "serializer", "telemetry", "deadlineMs"],
  redis: ["host", "port", "sentinels", "name", "sentinelPassword", "cluster", "username", "password", "tls"],
  l1: ["max", "eviction"],
  encryption: ["keys", "hashing"],
  "encryption.hashing": ["secret", "previous", "rotateEvery"],
  telemetry: ["source", "observeLoad", "observeRead", "traceLoad"],
} as const;
/** Entries live for as long as a day, and an invalidation knows the names of two periods. */
const shortestPeriod = 86_400;
const shortestSecret = 16;

/** What a namespace looks like. */
export const namespaceForm = /^[A-Za-z][A-Za-z0-9_-]{0,39}$/;

export function problemsOf(options: CacheOptions<Policies>): readonly CacheProblem[] {
  const { redis, namespace, l1 = {}, encryption, telemetry, deadlineMs } = options;
  const { keys = [], hashing } = encryption ?? {};
  const problems: CacheProblem[] = [];
  const refuse = (bad: boolean, where: string, what: string, remedy: string): void => {
    if (bad) problems.push({ where, what, remedy });
  };
  const parts = { options, redis, l1, encryption, "encryption.hashing": hashing, telemetry };
  for (const [where, words] of Object.entries(known))
    for (const word of Object.keys(parts[where as keyof typeof parts] || {}))
      refuse(!(words as readonly string[]).includes(word), where, `${word} is unknown`, `Use ${words.join(", ")}.`);
  refuse(!namespaceForm.test(namespace), "namespace", "it is not plain", "Use up to 40 letters, digits, - and _.");
  refuse(
    deadlineMs !== undefined && !(deadlineMs >= 1 && deadlineMs <= 60_000),
    "deadlineMs",
    `it is ${deadlineMs}`,
    "Use a number from 1 to 60000.",
  );
  if (l1 !== false) {
    const { max = 1, eviction = "lru" } = l1;
    refuse(!(Number.isInteger(max) && max >= 1), "l1.max", `it is ${max}`, "Use a whole number from 1, or l1: false.");
    refuse(!evictions.includes(eviction), "l1.eviction", `it is ${eviction}`, `Use one of ${evictions.join(", ")}.`);
  }
  refuse(
    keys.some(({ id, key }) => key.length !== 32 || !/^[\w-]{1,40}$/.test(id)),
    "encryption.keys",
    "a key has not 32 bytes, or a plain id",
    "Use 32 random bytes and a short id.",
  );
  if (hashing !== undefined) {
    const { secret, previous = [], rotateEvery = shortestPeriod } = hashing;
    refuse(
      [secret, ...previous].some((each) => !(Buffer.byteLength(each ?? "") >= shortestSecret)),
      "encryption.hashing",
      `a secret has not ${shortestSecret} bytes`,
      "Use random text.",
    );
    refuse(
      !(rotateEvery >= shortestPeriod && rotateEvery < Number.POSITIVE_INFINITY),
      "encryption.hashing.rotateEvery",
      `it is ${rotateEvery}`,
      `Use seconds from ${shortestPeriod}: an invalidation covers the names of two periods.`,
    );
  }
  return problems;
}
