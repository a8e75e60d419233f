// Asks Prometheus and Alertmanager for what the API tells; where one cannot be asked, the reason takes the place of the value.
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { seconds } from "../../components/units.ts";
import type { Expr } from "../../telemetry/promql.ts";

export const backendShape = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  user: z.string().min(1).optional(),
  passwordFile: z.string().min(1).optional(),
});

export type Backend = z.infer<typeof backendShape>;

/** A value, or why there is none. */
export type Known<T> = { readonly value: T } | { readonly reason: string };

export interface Row {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface FiringAlert {
  readonly name: string;
  readonly severity: string;
  readonly service: string;
  readonly since: string;
  readonly summary: string;
}

const timeoutMs = 5_000;
const vector = z.object({
  data: z.object({
    result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })),
  }),
});
const alerts = z.array(
  z.object({
    labels: z.record(z.string(), z.string()),
    annotations: z.record(z.string(), z.string()),
    startsAt: z.string(),
  }),
);

/** The rows of a query now, or some time ago. Values that are no numbers, such as 0/0, are left out. */
export async function query(backend: Backend | undefined, expr: Expr, ago?: string): Promise<Known<readonly Row[]>> {
  const time = (Date.now() / 1_000 - (ago === undefined ? 0 : seconds(ago))).toFixed(3);
  const answer = await ask(
    backend,
    "Prometheus",
    `/api/v1/query?${new URLSearchParams({ query: expr.text, time })}`,
    vector,
  );
  if ("reason" in answer) return answer;
  const rows = answer.value.data.result.map(({ metric, value: [, text] }) => ({ labels: metric, value: Number(text) }));
  return { value: rows.filter(({ value }) => Number.isFinite(value)) };
}

/** What fires and is not silenced. */
export async function firing(backend: Backend | undefined): Promise<Known<readonly FiringAlert[]>> {
  const answer = await ask(
    backend,
    "Alertmanager",
    "/api/v2/alerts?active=true&silenced=false&inhibited=false",
    alerts,
  );
  if ("reason" in answer) return answer;
  return {
    value: answer.value
      .filter(({ labels }) => labels.alertname !== "Watchdog")
      .map(({ labels, annotations, startsAt }) => ({
        name: labels.alertname ?? "",
        severity: labels.severity ?? "",
        service: labels.service ?? "",
        since: startsAt,
        summary: annotations.summary ?? "",
      })),
  };
}

async function ask<T>(
  backend: Backend | undefined,
  name: string,
  path: string,
  shape: z.ZodType<T>,
): Promise<Known<T>> {
  if (backend === undefined) return { reason: `${name} is not configured.` };
  try {
    const { url, user, passwordFile } = backend;
    const password = passwordFile === undefined ? "" : (await readFile(passwordFile, "utf8")).trim();
    const login =
      user === undefined ? {} : { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` };
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(`${url.replace(/\/$/, "")}${path}`, { headers: login, signal, redirect: "error" });
    if (!response.ok) return { reason: `${name} refuses the question.` };
    return { value: shape.parse(await response.json()) };
  } catch {
    return { reason: `${name} cannot be asked.` };
  }
}
