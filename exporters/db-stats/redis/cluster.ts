// The cluster as this node sees it: whether it serves, its slots, its nodes by role and state. Addresses stay out.
import { nodeRoles, nodeStates } from "../../../telemetry/catalogue/redis.ts";
import { fromFields, parseInfo, type RedisCollector, rd } from "./connection.ts";

const fields = {
  redis_cluster_slots_assigned: "cluster_slots_assigned",
  redis_cluster_slots_ok: "cluster_slots_ok",
  redis_cluster_slots_suspected: "cluster_slots_pfail",
  redis_cluster_slots_failed: "cluster_slots_fail",
  redis_cluster_size: "cluster_size",
  redis_cluster_epoch: "cluster_current_epoch",
} as const;

export const cluster: RedisCollector = {
  name: "cluster",
  emits: [
    ...Object.keys(fields),
    "redis_cluster_enabled",
    "redis_cluster_ok",
    "redis_cluster_nodes",
    "redis_permission_missing",
  ],
  timeout: "4s",
  collect: async ({ info, ask }) => {
    const enabled = (await info()).get("cluster_enabled") === "1";
    if (!enabled) return [rd("redis_cluster_enabled", 0)];
    const [state, nodes] = await Promise.all([ask<string>("cluster", "info"), ask<string>("cluster", "nodes")]);
    const missing = rd("redis_permission_missing", state === undefined || nodes === undefined ? 1 : 0, {
      command: "cluster",
    });
    const given = parseInfo(state ?? "");
    return [
      rd("redis_cluster_enabled", 1),
      missing,
      ...(state === undefined ? [] : [rd("redis_cluster_ok", given.get("cluster_state") === "ok" ? 1 : 0)]),
      ...fromFields(given, fields),
      ...(nodes === undefined ? [] : counted(nodes)),
    ];
  },
};

/** A line per node: `<id> <ip:port@cport[,hostname]> <flags> <master> <ping> <pong> <epoch> <link> <slot>…`. */
function counted(nodes: string) {
  const kinds = nodes
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const flags = (line.split(" ", 3)[2] ?? "").split(",");
      const role = flags.includes("master") ? "primary" : "replica";
      const state = flags.includes("fail")
        ? "failed"
        : flags.includes("fail?")
          ? "suspected"
          : flags.includes("handshake") || flags.includes("noaddr")
            ? "joining"
            : "ok";
      return `${role} ${state}`;
    });
  return nodeRoles.flatMap((role) =>
    nodeStates.map((state) =>
      rd("redis_cluster_nodes", kinds.filter((kind) => kind === `${role} ${state}`).length, { role, state }),
    ),
  );
}
