// Conditions on an answer: its body as text or by a path into its JSON, its headers, the time that it took.
import type { IncomingHttpHeaders } from "node:http";
import { milliseconds } from "../../components/units.ts";
import type { TargetOf } from "./config.ts";
import { matches as isMatch } from "./pattern.ts";

type Expectation = TargetOf<"http">["expect"];
type OnBody = Expectation["body"][number];

export interface Judged {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly seconds: number;
}

/** Whether an answer meets every condition; one that cannot be judged in time is not met. */
export function meets({ body, headers, latency }: Expectation, answer: Judged): boolean {
  if (latency !== undefined && answer.seconds * 1_000 > milliseconds(latency)) return false;
  for (const [name, pattern] of Object.entries(headers))
    if (isMatch(pattern, String(answer.headers[name.toLowerCase()] ?? "")) !== true) return false;
  if (body.length === 0) return true;
  const text = answer.body.toString("utf8");
  const json = body.some(({ path }) => path !== undefined) ? parse(text) : undefined;
  return body.every((condition) => meetsBody(condition, text, json));
}

function meetsBody({ path, equals, matches, not }: OnBody, text: string, json: unknown): boolean {
  const value = path === undefined ? text : valueAt(json, path);
  if (value === undefined) return false;
  const shown = typeof value === "string" ? value : JSON.stringify(value);
  return (
    (equals === undefined || value === equals) &&
    (matches === undefined || isMatch(matches, shown) === true) &&
    (not === undefined || isMatch(not, shown) === false)
  );
}

/** What a path such as `$.checks[0].status` leads to; undefined when it leads nowhere. */
export const valueAt = (json: unknown, path: string): unknown =>
  [...path.matchAll(/\.([A-Za-z_][\w-]*)|\[(\d+)\]/g)].reduce<unknown>((at, [, key, index]) => {
    if (typeof at !== "object" || at === null) return undefined;
    const step = key ?? Number(index);
    return Object.hasOwn(at, step) ? (at as Record<string | number, unknown>)[step] : undefined;
  }, json);

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
