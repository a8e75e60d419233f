// integration-health: probes the platform's third-party integrations in the background and says which side a failure is on.
import { milliseconds } from "../../components/units.ts";
import { integrations } from "../../telemetry/catalogue/integrations.ts";
import type { Exporter } from "../exporter.ts";
import { endOrTime } from "../scrape.ts";
import { askAnchor } from "./anchors.ts";
import { apiRoutes } from "./api.ts";
import { type HealthConfig, healthConfig, type IntegrationTarget } from "./config.ts";
import { type Connectivity, connectivity } from "./connectivity.ts";
import { credentialOf } from "./credential.ts";
import { type History, openHistory } from "./history.ts";
import { type Integration, keep, type Whole } from "./integration.ts";
import { gate } from "./limits.ts";
import { api } from "./openapi.ts";
import { pageRoutes } from "./pages.ts";
import { type Attempt, attempt, type HttpProxy, type Probe } from "./probe.ts";
import { probes } from "./probes/index.ts";
import { instruments, secondsOf } from "./record.ts";
import { runbookRoutes } from "./runbooks.ts";
import { repeat } from "./schedule.ts";
import { subscriptions } from "./subscribe.ts";
import { spanNames, traceOf } from "./trace.ts";
import { undecided } from "./verdict.ts";
import type { Known, Surroundings } from "./watch.ts";

/** Attempts under way at once, of all integrations together; each has at most one, so a slow one holds up nobody below this number. */
const mostAtOnce = 512;
/** What a crash may cost of the past; an orderly end costs nothing. */
const saveEveryMs = 15_000;
/** What attempts under way may take at the end; the rest of the engine's grace is for writing the past. */
const finishMs = 4_000;

export const integrationHealth: Exporter<HealthConfig, typeof integrations> = {
  name: "integration-health",
  about: "probes third-party integrations and tells our side from theirs",
  rows: integrations,
  config: healthConfig,
  spans: spanNames,
  api,
  start: ({ metrics, log, tracer }) => {
    const made = instruments(metrics);
    const atOnce = gate(mostAtOnce);
    let kept = new Map<string, Integration>();
    let online: Connectivity = connectivity({
      anchors: [],
      ask: async () => ({ resolved: undefined, connected: true }),
      now: Date.now,
    });
    let config: HealthConfig | undefined;
    const proxy = (): HttpProxy | undefined =>
      config?.proxy && { address: config.proxy.address, credential: credentialOf(config.proxy.credentialFile) };
    const subscribe = subscriptions({ proxy });
    let past: History = openHistory(undefined, () => undefined);
    const current: Connectivity = { online: (...about) => online.online(...about), last: () => online.last() };
    const ending = new Set<Promise<void>>();
    metrics.source(() => {
      const last = online.last();
      return last === undefined ? [] : [{ metric: "integration_prober_online", labels: {}, value: last ? 1 : 0 }];
    });

    const attempted: Surroundings["attempt"] = async (target, stop) => {
      const seen = await tryOnce(target, proxy(), stop);
      const traceId = tracer && traceOf(tracer, target.name, seen);
      return traceId === undefined ? seen : { ...seen, traceId };
    };
    const begin = (target: IntegrationTarget): Integration =>
      keep(target, {
        metrics: made,
        log,
        subscribe,
        surroundings: { attempt: attempted, gate: atOnce, connectivity: current, ...knownOf(past, target) },
        changed: (_, whole) => note(past, target, whole),
      });
    const integrations = (): readonly Integration[] => [...kept.values()];
    const saving = repeat({ intervalMs: saveEveryMs, work: () => past.save() });
    const end = (each: Integration): void => {
      const stopping = each.stop().finally(() => ending.delete(stopping));
      ending.add(stopping);
      metrics.forget({ integration: each.target.name });
    };

    return {
      size: () => kept.size,
      routes: {
        ...pageRoutes(integrations, () => past),
        ...apiRoutes({
          integrations,
          history: () => past,
          access: () => config?.access ?? {},
          backends: () => ({ prometheus: config?.prometheus, alertmanager: config?.alertmanager }),
        }),
        ...runbookRoutes,
      },
      apply: (given) => {
        if (config === undefined || given.data !== config.data)
          past = openHistory(given.data, (trouble) => log.error(`history ${trouble}`));
        config = given;
        online = connectivity({ anchors: config.anchors, ask: (anchor) => askAnchor(anchor, proxy()), now: Date.now });
        const before = kept;
        kept = new Map();
        for (const target of config.integrations) {
          const old = before.get(target.name);
          const same = old !== undefined && JSON.stringify(old.target) === JSON.stringify(target);
          if (same) before.delete(target.name);
          else if (old !== undefined) {
            before.delete(target.name);
            end(old);
          }
          metrics.start({ integration: target.name });
          kept.set(target.name, same ? old : begin(target));
        }
        for (const gone of before.values()) end(gone);
      },
      close: async (grace) => {
        const late = AbortSignal.any([grace, AbortSignal.timeout(finishMs)]);
        const stopping = [...kept.values()].map((each) => each.stop(late));
        // What has not ended by then would be left out anyway.
        await endOrTime(Promise.all([...stopping, ...ending, saving.stop()]), late);
        await past.save();
      },
    };
  },
};

/** What was down or in doubt before a restart still is, if the restart was short; a certificate expires when it did. */
function knownOf(past: History, { name, interval }: IntegrationTarget): { readonly known?: Known } {
  const { kept, until } = past.last(name) ?? {};
  if (kept === undefined || until === undefined) return {};
  return { known: Date.now() - until > gapOf(interval) ? { ...kept, verdict: undecided } : kept };
}

/** Three intervals and what confirmations take: a longer pause is a hole in what is known. */
const gapOf = (interval: string): number => 3 * milliseconds(interval) + 60_000;

function note(past: History, { name, interval }: IntegrationTarget, whole: Whole): void {
  const { status, verdict, certificate, last, checkedAt } = whole;
  if (last === undefined || checkedAt === undefined) return;
  const was =
    status === "maintenance" ? "maintenance" : verdict.up === undefined ? "unknown" : verdict.up ? "up" : "down";
  const failed = last.cause !== undefined;
  const kept = { verdict, ...(certificate && { certificate }) };
  past.note(name, { at: checkedAt, was, failed, seconds: secondsOf(last), gapMs: gapOf(interval), kept });
}

const tryOnce = (target: IntegrationTarget, proxy: HttpProxy | undefined, stop: AbortSignal): Promise<Attempt> =>
  attempt({
    probe: probes[target.probe] as Probe<IntegrationTarget>,
    target,
    timeoutMs: milliseconds(target.timeout),
    stop,
    way: { ca: target.ca, proxy },
    credential: credentialOf(target.credentialFile),
    expectFailure: target.expectFailure,
  });
