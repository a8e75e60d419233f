// The gateway's cache: its policies follow from the routes, its keys from one secret.
import { hkdfSync } from "node:crypto";
import { type Cache, type CacheTelemetry, createCache, type Policies, type RedisSettings } from "../cache/index.ts";
import { readPassword, splitAddress } from "../components/arguments.ts";
import type { GatewayConfig } from "./config.ts";
import { policiesOf } from "./exchange.ts";
import type { Route } from "./route.ts";

export const cacheNamespace = "gateway";

export function openCache(
  { redis, secretFile }: Pick<GatewayConfig, "secretFile"> & { readonly redis: NonNullable<GatewayConfig["redis"]> },
  routes: readonly Route[],
  telemetry: CacheTelemetry,
): Cache<Policies> {
  const secret = readPassword(secretFile);
  const key = derived(secret, "encryption");
  return createCache({
    redis: redisSettings(redis),
    namespace: cacheNamespace,
    policies: policiesOf(routes),
    encryption: {
      // A value that was encrypted with another key is loaded anew.
      keys: [{ id: derived(secret, "id").toString("hex", 0, 4), key }],
      hashing: { secret: derived(secret, "hashing").toString("hex") },
    },
    telemetry,
  });
}

export const redisSettings = ({
  address,
  user,
  passwordFile,
  tls,
}: NonNullable<GatewayConfig["redis"]>): RedisSettings => ({
  ...splitAddress(address),
  ...(user === undefined ? {} : { username: user }),
  ...(passwordFile === undefined ? {} : { password: readPassword(passwordFile) }),
  ...(tls ? { tls: {} } : {}),
});

/** A key of its own for each purpose, out of the one secret. */
export const derived = (secret: string, purpose: string): Buffer =>
  Buffer.from(hkdfSync("sha256", secret, "", `vitals gateway ${purpose}`, 32));
