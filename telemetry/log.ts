// Log lines: one JSON object each on standard output, of texts that stand here and fields that redact.ts lets pass.
import { type Attributes, redact } from "./redact.ts";

/** Every text that a line can have. A text made at run time could carry a name, an address or a secret. */
export const messages = [
  "listening",
  "stopping",
  "stopped",
  "configuration in use",
  "configuration refused, the one before stays in use",
  "collector fails",
  "collector works again",
  "the role lacks a grant: run role.sql",
  "integration is down",
  "integration is up",
  "history cannot be read, it begins anew",
  "Slack takes no message",
  "Slack takes messages again",
  "message given up",
  "request failed",
  "unexpected failure",
] as const;

export type Message = (typeof messages)[number];
export type Level = "debug" | "info" | "warn" | "error";

/** Writes a line per call; a field that may not pass is left out. */
export type Log = Readonly<Record<Level, (message: Message, fields?: Attributes) => void>>;

/** A log of a service. `write` takes a whole line. */
export function createLog(service: string, write: (line: string) => void = toStandardOutput): Log {
  const at =
    (level: Level) =>
    (message: Message, fields: Attributes = {}): void => {
      const msg = (messages as readonly string[]).includes(message) ? message : "unexpected failure";
      write(`${JSON.stringify({ level, time: new Date().toISOString(), service, msg, ...redact(fields) })}\n`);
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

const toStandardOutput = (line: string): void => {
  process.stdout.write(line);
};
