// One POST with a time limit, which telemetry itself does not observe.
import type { Outcome } from "./queue.ts";

const { request: requestHttp } = process.getBuiltinModule("node:http");
const { request: requestHttps } = process.getBuiltinModule("node:https");

let quiet = false;

/** Whether the call that is being made right now is telemetry's own. */
export const isQuiet = (): boolean => quiet;

const timeLimitMs = 5_000;

/** `away` also for answers that ask for another try: 429, 502, 503, 504. */
export function post(url: URL, headers: Readonly<Record<string, string>>, body: string | Buffer): Promise<Outcome> {
  return new Promise((resolve) => {
    const length = { "content-length": Buffer.byteLength(body) };
    const options = { method: "POST", headers: { ...headers, ...length }, timeout: timeLimitMs };
    quiet = true;
    const outgoing = (url.protocol === "https:" ? requestHttps : requestHttp)(url, options, (answer) => {
      answer.resume();
      answer.on("error", () => resolve("away"));
      answer.on("end", () => resolve(outcomeOf(answer.statusCode ?? 0)));
    });
    quiet = false;
    const late = setTimeout(() => outgoing.destroy(), timeLimitMs);
    outgoing.on("close", () => {
      clearTimeout(late);
      resolve("away");
    });
    outgoing.on("error", () => resolve("away"));
    outgoing.end(body);
  });
}

const outcomeOf = (status: number): Outcome => {
  if (status >= 200 && status < 300) return "sent";
  return [429, 502, 503, 504].includes(status) ? "away" : "refused";
};
