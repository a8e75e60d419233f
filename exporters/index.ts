// Every exporter there is: one line each. They are loaded when they are asked for, so that none pays for another's libraries.
import type { AnyExporter } from "./exporter.ts";

export const exporters: Readonly<Record<string, () => Promise<AnyExporter>>> = {
  "integration-health": async () => (await import("./integration-health/index.ts")).integrationHealth,
  "db-stats": async () => (await import("./db-stats/index.ts")).dbStats,
};
