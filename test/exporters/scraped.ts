// Runs an exporter in the test's own process and reads its pages.
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { AnyExporter } from "../../exporters/exporter.ts";
import { expose } from "../../exporters/runtime.ts";
import { createLog } from "../../telemetry/log.ts";

export interface Scraped {
  readonly url: string;
  /** The paths that it answers, as templates. */
  readonly paths: readonly string[];
  readonly lines: readonly string[];
  /** Replaces the configuration file in one step. */
  configure(config: unknown): Promise<void>;
  metrics(headers?: Readonly<Record<string, string>>): Promise<Shown>;
  page(path: string, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

export interface Shown {
  readonly body: string;
  /** The value of the series; undefined when it is not there. */
  value(series: string): number | undefined;
  /** The names of the metrics that have series. */
  readonly names: ReadonlySet<string>;
}

export function shown(body: string): Shown {
  const values = new Map<string, number>();
  for (const line of body.split("\n")) {
    const space = line.lastIndexOf(" ");
    if (!line.startsWith("#") && space > 0) values.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  return {
    body,
    value: (series) => values.get(series),
    names: new Set([...values.keys()].map((series) => series.split("{", 1)[0] ?? "")),
  };
}

/** A scrape that has so much time, and is over by three times that at the latest, as a busy machine may need. */
export async function inTime({ metrics }: Pick<Scraped, "metrics">, seconds: number): Promise<Shown> {
  const began = performance.now();
  const page = await metrics({ "x-prometheus-scrape-timeout-seconds": `${seconds}` });
  expect(performance.now() - began).toBeLessThan(3 * seconds * 1_000);
  return page;
}

export async function runExporter(exporter: AnyExporter, config: unknown): Promise<Scraped> {
  const folder = await mkdtemp(join(tmpdir(), "vitals-exporter-"));
  const configFile = join(folder, "config.json");
  const configure = async (value: unknown): Promise<void> => {
    await writeFile(`${configFile}.new`, typeof value === "string" ? value : JSON.stringify(value), { mode: 0o600 });
    await rename(`${configFile}.new`, configFile);
  };
  await configure(config);
  const lines: string[] = [];
  const log = createLog(exporter.name, { write: (line) => lines.push(line) });
  // Nobody waits long for what a test left hanging.
  const timing = { watchEveryMs: 50, graceMs: 500 };
  const running = await expose(exporter, { configFile, host: "127.0.0.1", port: 0, log, ...timing });
  const url = `http://127.0.0.1:${running.port}`;
  const page = (path: string, init?: RequestInit): Promise<Response> => fetch(`${url}${path}`, init);
  return {
    url,
    paths: running.paths,
    lines,
    configure,
    page,
    metrics: async (headers = {}) => shown(await (await page("/metrics", { headers })).text()),
    close: async () => {
      await running.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
