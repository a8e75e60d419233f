// Commands and bytes.
import { fromFields, type RedisCollector } from "./connection.ts";

const fields = {
  redis_commands_processed_total: "total_commands_processed",
  redis_error_replies_total: "total_error_replies",
  redis_network_received_bytes_total: "total_net_input_bytes",
  redis_network_sent_bytes_total: "total_net_output_bytes",
} as const;

export const traffic: RedisCollector = {
  name: "traffic",
  emits: Object.keys(fields),
  timeout: "4s",
  collect: async ({ info }) => fromFields(await info(), fields),
};
