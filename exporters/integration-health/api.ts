// The JSON API: how every integration is, its past, and how the platform performs; causes as classes, never another side's words.
import { milliseconds } from "../../components/units.ts";
import { agg, promql, rate, sel } from "../../telemetry/promql.ts";
import { type Access, guarded } from "../access.ts";
import { json, problem, type Route } from "../exporter.ts";
import { type Backend, firing } from "./backend.ts";
import { by, type Fields, group, one } from "./fields.ts";
import type { History } from "./history.ts";
import type { Integration } from "./integration.ts";
import { performanceRoute } from "./performance.ts";
import { worst } from "./verdict.ts";
import { pastOf, viewOf } from "./view.ts";

export interface Sources {
  readonly integrations: () => readonly Integration[];
  readonly history: () => History;
  readonly access: () => Access;
  readonly backends: () => { readonly prometheus?: Backend | undefined; readonly alertmanager?: Backend | undefined };
}

export function apiRoutes({ integrations, history, access, backends }: Sources): Readonly<Record<string, Route>> {
  const health: Route = async () => {
    const { prometheus, alertmanager } = backends();
    const [system, alerts, lag] = await Promise.all([
      group(prometheus, systemFields),
      firing(alertmanager),
      eventLoopLag(),
    ]);
    const views = integrations().map(viewOf);
    return json({
      overall_status: worst(views.map(({ status }) => status)),
      timestamp: new Date().toISOString(),
      integrations: views,
      system: { uptime: Math.round(process.uptime()), event_loop_lag: lag, ...system },
      alerts: "value" in alerts ? alerts.value : null,
      ...("reason" in alerts ? { reasons: { alerts: alerts.reason } } : {}),
    });
  };
  const one: Route = ({ params }) => {
    const found = integrations().find(({ target }) => target.name === params.name);
    if (found === undefined) return problem(404, "There is no integration of that name.");
    return json({ ...viewOf(found), ...pastOf(history(), found.target.name, Date.now()) });
  };
  return {
    "/api/v1/health": guarded(access, health),
    "/api/v1/health/:name": guarded(access, one),
    "/api/v1/performance": guarded(access, performanceRoute(backends)),
  };
}

/** Of the stack's own services, as they expose it: cores, bytes, shares of 1, milliseconds, seconds, bytes. */
const systemFields: Fields = {
  cpu: { expr: agg("sum", rate("process_cpu_seconds_total", "5m"), "job"), shown: by("job") },
  memory: { expr: agg("sum", sel("process_resident_memory_bytes"), "job"), shown: by("job") },
  event_loop: { expr: agg("max", sel("nodejs_eventloop_utilization_ratio"), "job"), shown: by("job") },
  service_event_loop_lag: {
    expr: promql`1000 * ${agg("max", sel("nodejs_eventloop_delay_p99_seconds"), "job")}`,
    shown: by("job"),
  },
  service_uptime: { expr: promql`time() - ${agg("max", sel("process_start_time_seconds"), "job")}`, shown: by("job") },
  disk: { expr: agg("min", sel("supervisor_disk_free_bytes")), shown: one },
};

/** Milliseconds by which a timer comes late. */
const eventLoopLag = (): Promise<number> => {
  const [from, wait] = [performance.now(), milliseconds("10ms")];
  return new Promise((resolve) => {
    setTimeout(() => resolve(Math.max(0, Math.round(10 * (performance.now() - from - wait)) / 10)), wait);
  });
};
