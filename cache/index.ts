// The package's face.
export {
  type Cache,
  type CacheOptions,
  type CacheStats,
  type CacheTelemetry,
  createCache,
  type Invalidated,
  type Target,
} from "./cache.ts";
export type { RedisSettings } from "./connect.ts";
export { type Encryption, json, type Serializer } from "./envelope.ts";
export { CacheError } from "./errors.ts";
export type { MemoryOptions } from "./memory.ts";
export type { Hashing } from "./names.ts";
export { namespaceForm } from "./options.ts";
export type { Eviction } from "./order.ts";
export {
  clinicPolicies,
  type IdOf,
  type Policies,
  type Policy,
  type Scalar,
  type Strategy,
  strategies,
  type Tag,
  type Typed,
  type,
  type ValueOf,
} from "./policy.ts";
export type { Sample } from "./statistics.ts";
export { type Repository, type RepositoryOptions, type Using, using } from "./using.ts";
export type { Warmed } from "./warm.ts";
