// The platform's cache: a Redis that somebody else runs, or the stack's own, which evicts rather than refuses, keeps nothing on
// disk, and has an ACL user for each consumer.
import type { StackConfig } from "../config.ts";
import { file, hostAndPort, listenHost, listenPort, type ServiceSpec, secret, type Value, v } from "../spec.ts";
import { bytes } from "../units.ts";
import { versions } from "../versions.ts";
import { mebibytes, sized } from "./sizes.ts";

/** The user of the services' caches, and what it may do. */
export const redisUser = "cache";
export const redisUserRights = "resetchannels ~* &* +@all -@admin -@dangerous +info +config|get +flushdb";

/**
 * Who may do what. The default user may only PING: probes need no password, and nobody else gets in without one. Protected mode
 * looks at that user alone and refuses whoever comes from another machine, so it has to be off.
 */
const acl: Value = v`user default on nopass resetkeys resetchannels -@all +ping
user ${redisUser} on #${secret("redisPassword", "sha256")} ${redisUserRights}
user db-stats on #${secret("redisStatsPassword", "sha256")} resetkeys resetchannels -@all +ping +info +select +dbsize +slowlog|len +slowlog|get +latency +config|get +cluster|info +cluster|slots
`;

const common = { name: "redis", about: "cache of the platform's services", owner: "platform" } as const;
const port = { scope: "platform", title: "cache", scheme: "redis" } as const;

export const redis = (config: StackConfig): ServiceSpec =>
  config.redis === undefined ? own(config) : elsewhere(config.redis.address);

const elsewhere = (address: string): ServiceSpec => ({
  ...common,
  kind: "external",
  version: "",
  artifact: {},
  external: { address },
  ports: { redis: { ...port, number: hostAndPort(`tcp://${address}`).port } },
});

const own = (config: StackConfig): ServiceSpec => ({
  ...common,
  kind: "stateful",
  version: versions.redis.version,
  artifact: { tool: "redis-server", image: versions.redis.image, entry: ["redis-server"] },
  user: { uid: 999, gid: 999 },
  args: [file("/etc/redis/redis.conf")],
  files: {
    "/etc/redis/redis.conf": {
      apply: "restart",
      content: {
        text: v`bind ${listenHost("redis")}
port ${listenPort("redis")}
aclfile ${file("/etc/redis/users.acl")}
protected-mode no
maxmemory ${String(bytes(config.redisMaxMemory))}
maxmemory-policy allkeys-lfu
save ""
appendonly no
dir ${file("/tmp")}
latency-tracking yes
latency-monitor-threshold 25
slowlog-log-slower-than 10000
`,
      },
    },
    "/etc/redis/users.acl": { apply: "restart", content: { text: acl } },
  },
  scratch: ["/tmp"],
  ports: { redis: { ...port, number: 6379 } },
  ready: { exec: ["redis-cli", "-h", listenHost("redis"), "-p", listenPort("redis"), "-e", "ping"] },
  alive: { tcp: "redis" },
  resources: memoryOf(config),
});

/** Half as much again as the cache may hold: buffers of clients and fragmentation come on top of it. */
function memoryOf(config: StackConfig): NonNullable<ServiceSpec["resources"]> {
  const { resources } = sized(config, "redis");
  const atLeast = 1.5 * bytes(config.redisMaxMemory);
  if (bytes(resources.memory) >= atLeast) return resources;
  return { cpu: resources.cpu, memory: mebibytes(atLeast), maxMemory: mebibytes(2 * atLeast) };
}
