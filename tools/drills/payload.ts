// What a drill's messages have to say, from the alert that they are about: who, what, how bad and when it fires, since when, what to do.
import { finish } from "../../alerts/finish.ts";
import type { Alert } from "../../alerts/rule.ts";
import type { Told } from "./inbox.ts";

export interface Expected {
  readonly alert: Alert;
  readonly over: boolean;
  /** Milliseconds since 1970: when the fault began, or was cured. */
  readonly since: number;
}

const colors = { page: "danger", ticket: "warning", info: "warning" } as const;
const date = String.raw`(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC`;
/** Alertmanager tells what began in whole seconds, and clocks of one machine are one. */
const rounding = 1_000;

/** Everything in which a message is not as it has to be; none when it is. */
export function mistakesIn(message: Told, { alert, over, since }: Expected): readonly string[] {
  const { reading, action } = finish(alert, {}).annotations;
  const [first = "", second = "", third = ""] = message.text.split("\n");
  const summary = `\\*${pattern(alert.summary)}\\*`;
  const title = `\\[${over ? "RESOLVED" : alert.severity.toUpperCase()}\\] ${alert.name} ${pattern(alert.service)}`;
  const value = `${reading === undefined ? "Since" : `${pattern(String(reading))}, since`} ${date}`;
  const began = Date.parse(`${new RegExp(date).exec(second)?.[1]?.replace(" ", "T")}Z`);
  const right = (what: string, wanted: string, text: string): readonly string[] =>
    new RegExp(`^${wanted}$`).test(text) ? [] : [`its ${what} is "${text}" and not as ${wanted}`];
  return [
    ...right("title", `${title}( \\(\\d+\\))?`, message.title),
    ...right("color", over ? "good" : colors[alert.severity], message.color),
    ...(over
      ? [...right("first line", `Over: ${summary}`, first), ...right("second line", `From ${date} to .* UTC`, second)]
      : [
          ...right("first line", summary, first),
          ...right("second line", value, second),
          ...right("third line", pattern(String(action)), third),
          ...(message.text.includes(`owner ${alert.owner}`) ? [] : ["it names no owner"]),
          ...(began >= since - rounding && began <= message.at + rounding
            ? []
            : [`it began at ${second}, which is not between the fault and the message`]),
        ]),
  ];
}

/** A text as a regular expression, whatever its labels and its value are. */
const pattern = (text: string): string =>
  text
    .split(/\{\{ \$(?:labels\.\w+|value [^}]*) \}\}/)
    .map((part) => slackText(part).replaceAll(/[.*+?^${}()|[\]\\/]/g, "\\$&"))
    .join(".+");

const slackText = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
