// The platform's cache: Redis, which evicts rather than refuses and keeps nothing on disk. Each consumer has its own ACL user.
import type { StackConfig } from "../config.ts";
import { file, listenHost, listenPort, type ServiceSpec, secret, type Value, v } from "../spec.ts";
import { bytes } from "../units.ts";
import { versions } from "../versions.ts";

/** Who may do what. The default user may only PING: probes need no password, and nobody else gets in without one. */
const acl: Value = v`user default on nopass resetkeys resetchannels -@all +ping
user cache on #${secret("redisPassword", "sha256")} resetchannels ~* &* +@all -@admin -@dangerous +info +config|get +flushdb
user db-stats on #${secret("redisStatsPassword", "sha256")} resetkeys resetchannels -@all +ping +info +select +dbsize +slowlog|len +slowlog|get +latency +config|get +cluster|info +cluster|slots
`;

export const redis = (config: StackConfig): ServiceSpec => ({
  name: "redis",
  kind: "stateful",
  about: "cache of the platform's services",
  owner: "platform",
  version: versions.redis.version,
  artifact: { tool: "redis-server", image: versions.redis.image },
  args: [file("/etc/redis/redis.conf")],
  files: {
    "/etc/redis/redis.conf": {
      apply: "restart",
      content: {
        text: v`bind ${listenHost("redis")}
port ${listenPort("redis")}
aclfile ${file("/etc/redis/users.acl")}
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
  ports: { redis: { number: 6379, title: "cache", scheme: "redis" } },
  ready: { exec: ["redis-cli", "-h", listenHost("redis"), "-p", listenPort("redis"), "-e", "ping"] },
  resources: { cpu: 0.25, memory: "512MiB" },
});
