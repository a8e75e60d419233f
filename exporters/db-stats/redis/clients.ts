// Who is connected, who waits, who was turned away.
import { fromFields, type RedisCollector } from "./connection.ts";

const fields = {
  redis_connected_clients: "connected_clients",
  redis_blocked_clients: "blocked_clients",
  redis_clients_limit: "maxclients",
  redis_connections_received_total: "total_connections_received",
  redis_connections_rejected_total: "rejected_connections",
} as const;

export const clients: RedisCollector = {
  name: "clients",
  emits: Object.keys(fields),
  timeout: "4s",
  collect: async ({ info }) => fromFields(await info(), fields),
};
