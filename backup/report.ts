// Tells each Prometheus that a backup is whole: one sample by OTLP, which keeps it like one that was scraped.
import { setTimeout as wait } from "node:timers/promises";
import { messageOf } from "../components/errors.ts";
import { backup } from "../telemetry/catalogue/backup.ts";

const [metric] = Object.keys(backup);
/** A Prometheus that restarts just then is back within these. */
const pauses = [2_000, 10_000, 30_000] as const;

export interface Told {
  readonly service: string;
  readonly authorization?: string;
  /** Default: now. */
  readonly taken?: Date;
}

/**
 * Sends `backup_last_success_timestamp_seconds` to every URL, which needs `--web.enable-otlp-receiver`
 * (https://prometheus.io/docs/guides/opentelemetry/). Gives what went wrong, one line for each that could not be told: the
 * backup is whole all the same.
 */
export async function report(
  urls: readonly URL[],
  told: Told,
  pause: (ms: number) => Promise<unknown> = wait,
): Promise<readonly string[]> {
  const body = JSON.stringify(sample(told));
  const failures = await Promise.all(
    urls.map(async (url) => {
      let failure = await send(url, body, told.authorization);
      for (const ms of pauses) {
        if (failure === undefined) break;
        await pause(ms);
        failure = await send(url, body, told.authorization);
      }
      return failure === undefined ? [] : [`${url.host} was not told: ${failure}`];
    }),
  );
  return failures.flat();
}

async function send(url: URL, body: string, authorization: string | undefined): Promise<string | undefined> {
  try {
    const response = await fetch(new URL("/api/v1/otlp/v1/metrics", url), {
      method: "POST",
      headers: { "content-type": "application/json", ...(authorization !== undefined && { authorization }) },
      body,
      signal: AbortSignal.timeout(10_000),
    });
    await response.body?.cancel();
    return response.ok ? undefined : `its answer was ${response.status}`;
  } catch (error) {
    return messageOf(error);
  }
}

/** `service.name` becomes the label job, `service.instance.id` instance. */
const sample = ({ service, taken = new Date() }: Told) => {
  const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
  const point = {
    timeUnixNano: `${taken.getTime()}000000`,
    asDouble: taken.getTime() / 1_000,
    attributes: [text("service", service)],
  };
  const resource = {
    attributes: [text("service.name", `${service}-backup`), text("service.instance.id", `${service}-backup-0`)],
  };
  return {
    resourceMetrics: [{ resource, scopeMetrics: [{ metrics: [{ name: metric, gauge: { dataPoints: [point] } }] }] }],
  };
};
