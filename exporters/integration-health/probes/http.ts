// The probe kind `http`: a request is answered with an expected status, and the answer meets its conditions.
import type { ProbeCause } from "../../../telemetry/catalogue/integrations.ts";
import { meets } from "../conditions.ts";
import type { TargetOf } from "../config.ts";
import { exchange } from "../exchange.ts";
import { type Probe, ProbeError } from "../probe.ts";

/** What lies beyond says nothing about the health of the other side. */
const largestBody = 2 ** 20;

export const http: Probe<TargetOf<"http">> = async (target, trial) => {
  const { url, method, allow, redirects, expectStatus, expect } = target;
  const credential = await trial.credential();
  const headers = { ...target.headers, ...loginHeaders(target.login, credential) };
  const answer = await exchange(
    { url: loginUrl(url, target.login, credential), method, headers, allow, redirects, largest: largestBody },
    trial,
  );
  const cause = judge(answer.status, expectStatus);
  if (cause !== undefined) throw new ProbeError(cause);
  if (!meets(expect, { ...answer, seconds: trial.clock.total() })) throw new ProbeError("assertion");
};

function loginHeaders(
  login: TargetOf<"http">["login"],
  credential: string | undefined,
): Readonly<Record<string, string>> {
  if (credential === undefined) return {};
  switch (login.as) {
    case "bearer":
      return { authorization: `Bearer ${credential}` };
    case "basic":
      return { authorization: `Basic ${Buffer.from(`${login.user}:${credential}`).toString("base64")}` };
    case "header":
      return { [login.header.toLowerCase()]: credential };
    case "query":
      return {};
  }
}

function loginUrl(text: string, login: TargetOf<"http">["login"], credential: string | undefined): string {
  if (login.as !== "query" || credential === undefined) return text;
  const url = new URL(text);
  url.searchParams.set(login.parameter, credential);
  return url.href;
}

function judge(status: number, expected: readonly number[]): ProbeCause | undefined {
  if (expected.includes(status)) return undefined;
  if (status === 429) return "rate_limited";
  if (status === 401 || status === 403) return "auth";
  return status >= 500 ? "http_5xx" : "assertion";
}
