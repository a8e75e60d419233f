// The table that ends `npm start` and that `npm run status` prints.

import { formatMilliseconds } from "../../components/units.ts";
import { findTool } from "../resolve.ts";
import type { RunningStack } from "./running.ts";
import { table } from "./table.ts";

export function statusTable({ instances, supervisor }: RunningStack): string {
  const rows = instances.map((each) => [
    each.service,
    each.ready ? (each.kind === "job" ? "done" : "ready") : (each.ailment ?? each.reason ?? each.state),
    each.readyAfterMs === undefined ? "" : formatMilliseconds(each.readyAfterMs),
    each.version,
    each.pid === undefined ? "" : String(each.pid),
    each.pages.map(({ url }) => url).join(" "),
    each.pages.map(({ title }) => title).join(", "),
  ]);
  const watch = [
    "supervisor",
    supervisor === undefined ? "is not running" : "ready",
    "",
    "",
    supervisor === undefined ? "" : String(supervisor.identity.pid),
    "",
    "",
  ];
  return table([["SERVICE", "STATE", "READY AFTER", "VERSION", "PID", "URL", "WHAT"], ...rows, watch]);
}

/** What a person should know about what cannot be had on this machine. */
export function notices({ instances }: RunningStack): readonly string[] {
  const runs = (service: string) => instances.some((each) => each.service === service);
  const apiOnly = instances
    .filter(({ tool }) => (tool === "prometheus" || tool === "alertmanager") && findTool(tool)?.source === "go")
    .map(({ service }) => service);
  const jaeger = instances.some(({ tool }) => tool === "jaeger") && findTool("jaeger")?.source === "go";
  return [
    ...(runs("viewer")
      ? [
          findTool("grafana") === undefined
            ? "Grafana cannot be had here (npm run tools -- get grafana says why); the dashboards viewer shows the same dashboards."
            : "Grafana is left out; the dashboards viewer shows the same dashboards.",
        ]
      : []),
    ...(apiOnly.length > 0
      ? [`Built from source without their web pages, APIs only: ${apiOnly.join(", ")}${jaeger ? ", jaeger" : ""}.`]
      : []),
  ];
}
