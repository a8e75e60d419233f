// The engine of every exporter: configuration, metrics page, health, self-metrics, orderly end. What an exporter adds is its own subject.
import { firstPlace, markOf, readConfig, watchFile } from "../components/config-file.ts";
import { StackError } from "../components/errors.ts";
import { exporter as ownRows } from "../telemetry/catalogue/exporter.ts";
import { tracing as tracingRows } from "../telemetry/catalogue/tracing.ts";
import { createLog, type Log } from "../telemetry/log.ts";
import { createMetrics, type Metrics } from "../telemetry/metrics.ts";
import { watchProcess } from "../telemetry/runtime.ts";
import type { Tracing } from "../telemetry/tracing.ts";
import type { AnyExporter, Page, PageRequest, Route, Running } from "./exporter.ts";
import { openApiRoutes } from "./openapi.ts";
import { createScraper, endOrTime, type Scraper } from "./scrape.ts";
import { serve, text } from "./server.ts";

export interface Options {
  readonly configFile: string;
  readonly host: string;
  readonly port: number;
  /** Base URL of an OTLP/HTTP receiver; without one no trace is made. */
  readonly traces?: string;
  readonly log?: Log;
  /** How often the configuration file is looked at. */
  readonly watchEveryMs?: number;
  /** The longest time that ends under way may take. */
  readonly graceMs?: number;
}

export interface Exposed {
  readonly port: number;
  /** The paths that it answers, as templates. */
  readonly paths: readonly string[];
  close(): Promise<void>;
}

/** Without the header of Prometheus a scrape has this long. */
const defaultBudget = 10_000;

/** Starts an exporter. A configuration that is not valid at the start is an error; later ones are refused. */
export async function expose(exporter: AnyExporter, options: Options): Promise<Exposed> {
  const { configFile, host, port, watchEveryMs = 1_000, graceMs = 5_000 } = options;
  const log = options.log ?? createLog(exporter.name);
  const mark = await markOf(configFile);
  const config = await readConfig(configFile, exporter.config);
  const metrics = createMetrics({ ...exporter.rows, ...ownRows, ...tracingRows }) as unknown as Metrics<
    typeof ownRows & typeof tracingRows
  >;
  const reloadSuccess = metrics.gauge("exporter_config_reload_success");
  const reloadTime = metrics.gauge("exporter_config_last_reload_success_timestamp_seconds");
  const targets = metrics.gauge("exporter_targets");
  const scraper = createScraper(metrics, log);
  const tracing = await startTraces(exporter, options.traces, metrics);
  const running = exporter.start({ metrics, log, tracer: tracing?.tracer });
  watchProcess(metrics);
  metrics.source(scraper.samples);

  const use = (valid: unknown): void => {
    running.apply(valid);
    scraper.setTargets(running.targets?.() ?? []);
    targets.set({}, running.size());
    reloadSuccess.set({}, 1);
    reloadTime.set({}, Date.now() / 1_000);
    log.info("configuration in use", { targets: running.size() });
  };

  const routes = routesOf(exporter, metrics, scraper, running);
  const listening = await serve(routes, { host, port, log }).catch(async (error) => {
    await running.close(AbortSignal.timeout(graceMs));
    throw error;
  });
  use(config);
  log.info("listening", { port: listening.port });

  const watching = watchFile(configFile, {
    mark,
    everyMs: watchEveryMs,
    changed: async () => {
      try {
        use(await readConfig(configFile, exporter.config));
      } catch (error) {
        reloadSuccess.set({}, 0);
        const problems = error instanceof StackError ? error.problems.length : 0;
        log.error("configuration refused, the one before stays in use", { problems, setting: firstPlace(error) });
      }
    },
  });

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    log.info("stopping");
    watching.close();
    const grace = AbortSignal.timeout(graceMs);
    await Promise.all([listening.close(grace), running.close(grace)]);
    // The last traces are worth no more than what is left of the time.
    if (tracing !== undefined) await endOrTime(tracing.close(), grace);
    scraper.close();
    log.info("stopped");
  };
  return {
    port: listening.port,
    paths: Object.keys(routes),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

/** The tracer's library is loaded only where it is used. */
async function startTraces(
  { name, spans }: AnyExporter,
  endpoint: string | undefined,
  metrics: Metrics<typeof tracingRows>,
): Promise<Tracing | undefined> {
  if (endpoint === undefined || spans === undefined) return undefined;
  const { startTracing } = await import("../telemetry/tracing.ts");
  return startTracing(name, { endpoint, spans }, metrics);
}

function routesOf(
  exporter: AnyExporter,
  metrics: Metrics<typeof ownRows>,
  scraper: Scraper,
  running: Running<unknown>,
): Readonly<Record<string, Route>> {
  const scrapes = metrics.counter("exporter_scrapes_total");
  const refusals = metrics.counter("exporter_samples_refused_total");
  let counted = 0;
  const show = async (headers: PageRequest["headers"], target?: string): Promise<Page> => {
    scrapes.inc({});
    await scraper.collect(budgetOf(headers), target);
    refusals.inc({}, metrics.refused() - counted);
    counted = metrics.refused();
    const about = (labels: Readonly<Record<string, string>>) =>
      target === undefined || isOf(target, exporter.probe ?? "target", labels);
    return metrics.render(headers.accept?.toString(), about);
  };
  // An id and nothing else: an address in its place would send the password to whoever asked.
  const probe =
    (parameter: string): Route =>
    ({ headers, query }) => {
      const target = query.get(parameter) ?? "";
      return scraper.knows(target) ? show(headers, target) : text(404, `give ?${parameter}= and a configured id`);
    };
  return {
    "/metrics": ({ headers }) => show(headers),
    ...(exporter.probe === undefined ? {} : { "/probe": probe(exporter.probe) }),
    "/healthz": () => text(200, "alive"),
    // It listens only with a valid configuration in hand, so what answers here is ready.
    "/readyz": () => text(200, "ready"),
    ...openApiRoutes(exporter),
    ...running.routes,
  };
}

const isOf = (target: string, label: string, labels: Readonly<Record<string, string>>): boolean =>
  labels.target === target || labels[label] === target;

/** The time that Prometheus gives, less what the way back takes. */
export function budgetOf(headers: PageRequest["headers"]): number {
  const given = Number(headers["x-prometheus-scrape-timeout-seconds"]) * 1_000;
  if (!(given > 0)) return defaultBudget;
  return Math.min(given, 120_000) - Math.min(500, given / 10);
}
