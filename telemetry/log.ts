// Log lines: one JSON object each on standard output, of texts that stand here or that a service declares, and fields that redact.ts lets pass.
import { type Attributes, redact } from "./redact.ts";

/** Texts that every service's lines can have. A text made at run time could carry a name, an address or a secret. */
export const messages = [
  "listening",
  "stopping",
  "stopped",
  "configuration in use",
  "configuration refused, the one before stays in use",
  "collector fails",
  "collector works again",
  "the role lacks a grant: run role.sql",
  "the user may not give a command: see docs/db-stats.md",
  "integration is down",
  "integration is up",
  "history cannot be read, it begins anew",
  "history cannot be written",
  "Slack takes no message",
  "no webhook of Slack: its file is missing or has no URL",
  "Slack takes messages again",
  "message given up",
  "request failed",
  "unexpected failure",
] as const;

export type Message = (typeof messages)[number];
export type Level = "debug" | "info" | "warn" | "error";

/** Writes a line per call; a field that may not pass is left out. */
export type Log<M extends string = never> = Readonly<
  Record<Level, (message: Message | M, fields?: Attributes) => void>
>;

export interface LogOptions<M extends string> {
  /** Further texts. */
  readonly messages?: readonly M[];
  /** Fields of each line, such as the ids of the trace in which it is written. */
  readonly ambient?: () => Attributes;
  readonly wrote?: (level: Level) => void;
  /** Takes a whole line; default: standard output. */
  readonly write?: (line: string) => void;
}

/** A log of a service. */
export function createLog<const M extends string = never>(service: string, options: LogOptions<M> = {}): Log<M> {
  const { ambient = () => ({}), wrote, write = toStandardOutput } = options;
  const known = new Set<string>([...messages, ...(options.messages ?? [])]);
  const at =
    (level: Level) =>
    (message: Message | M, fields: Attributes = {}): void => {
      const msg = known.has(message) ? message : "unexpected failure";
      const about = redact({ ...fields, ...ambient() });
      write(`${JSON.stringify({ level, time: new Date().toISOString(), service, msg, ...about })}\n`);
      wrote?.(level);
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

const toStandardOutput = (line: string): void => {
  process.stdout.write(line);
};
