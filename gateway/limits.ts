// How often a caller may ask: a bucket for each in Redis, shared by all processes. Without Redis nobody is held back.
import { createHmac } from "node:crypto";
import { Redis } from "ioredis";
import { HttpProblem } from "../components/server.ts";
import { redisSettings } from "./cache.ts";
import type { Caller } from "./callers.ts";
import type { GatewayConfig } from "./config.ts";

export interface Limits {
  /** Takes one request out of the caller's bucket. Throws 429 when it is empty; resolves with headers that tell what is left. */
  take(caller: Caller): Promise<Readonly<Record<string, string>>>;
  close(): void;
}

type Limit = GatewayConfig["limit"];

const deadlineMs = 100;
/** After an answer that did not come nobody asks Redis for so long: one that hangs shall not cost each caller its deadline. */
const restMs = 1_000;

/** The generic cell rate algorithm: one number per caller, the time at which its bucket is full again. */
const script = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local each, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0)) + each
local earliest = full - each * burst
if earliest > now then return { 0, math.ceil(earliest - now) } end
redis.call('SET', KEYS[1], string.format('%.3f', full), 'PX', math.ceil(full - now))
return { 1, math.floor((now - earliest) / each) }
`;

interface Taking extends Redis {
  take(key: string, each: number, burst: number): Promise<readonly [allowed: number, left: number]>;
}

export function createLimits(
  redis: NonNullable<GatewayConfig["redis"]>,
  { perMinute, burst }: NonNullable<Limit>,
  secret: Buffer,
): Limits {
  const client = new Redis({
    ...(redisSettings(redis) as { readonly host: string; readonly port: number }),
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: deadlineMs,
    scripts: { take: { lua: script, numberOfKeys: 1 } },
  }) as Taking;
  client.on("error", () => {});
  const policy = { "ratelimit-policy": `"caller";q=${burst};w=${Math.ceil((60 * burst) / perMinute)}` };
  const each = 60_000 / perMinute;
  let askFrom = 0;
  const rest = (): undefined => {
    askFrom = performance.now() + restMs;
  };
  return {
    take: async ({ subject }) => {
      if (performance.now() < askFrom) return {};
      const key = `gateway:limit:${createHmac("sha256", secret).update(subject).digest("base64url").slice(0, 22)}`;
      const answer = await client.take(key, each, burst).catch(rest);
      if (answer === undefined) return {};
      const [allowed, left] = answer;
      if (allowed === 1) return { ...policy, ratelimit: `"caller";r=${left}` };
      const seconds = `${Math.ceil(left / 1_000)}`;
      throw new HttpProblem(429, "This caller asks too often.", {
        ...policy,
        ratelimit: `"caller";r=0;t=${seconds}`,
        "retry-after": seconds,
      });
    },
    close: () => client.disconnect(),
  };
}
