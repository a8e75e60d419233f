// One POST with a time limit, which telemetry itself does not observe.
import type { Outcome } from "./queue.ts";

const { request: requestHttp } = process.getBuiltinModule("node:http");
const { request: requestHttps } = process.getBuiltinModule("node:https");

let quiet = false;

/** Whether the call that is being made right now is telemetry's own. */
export const isQuiet = (): boolean => quiet;

const timeLimitMs = 5_000;

/**
 * `away` also for answers that ask for another try: 429, 502, 503, 504. It resolves when all is over, after 5 s at most: the pieces are not
 * read any more, whatever the other side has answered before it had them all.
 */
export function post(
  url: URL,
  headers: Readonly<Record<string, string>>,
  pieces: readonly (string | Buffer)[],
): Promise<Outcome> {
  return new Promise((resolve) => {
    let outcome: Outcome = "away";
    const length = { "content-length": pieces.reduce((sum, piece) => sum + Buffer.byteLength(piece), 0) };
    const options = { method: "POST", headers: { ...headers, ...length }, timeout: timeLimitMs };
    quiet = true;
    const outgoing = (url.protocol === "https:" ? requestHttps : requestHttp)(url, options, (answer) => {
      answer.resume();
      answer.on("error", () => {});
      answer.on("end", () => {
        outcome = outcomeOf(answer.statusCode ?? 0);
      });
    });
    quiet = false;
    const late = setTimeout(() => outgoing.destroy(), timeLimitMs);
    outgoing.on("close", () => {
      clearTimeout(late);
      resolve(outcome);
    });
    outgoing.on("error", () => {});
    outgoing.cork();
    for (const piece of pieces) outgoing.write(piece);
    outgoing.end();
  });
}

const outcomeOf = (status: number): Outcome => {
  if (status >= 200 && status < 300) return "sent";
  return [429, 502, 503, 504].includes(status) ? "away" : "refused";
};
