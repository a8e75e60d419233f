// A program's command line, read strictly: unknown, missing and malformed options are told all at once.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { messageOf, type Problem, StackError, stackError } from "./errors.ts";

/** What an option's text must be. `address` is host:port, `file` a path whose content is read later. */
type Kind = "text" | "port" | "address" | "file" | "count" | "rate" | "url" | "receiver" | "date";

export interface Option {
  readonly kind: Kind;
  /** Without a default the option is required. */
  readonly default?: string;
}

const shapes: Record<Kind, { readonly test: (text: string) => boolean; readonly must: string }> = {
  text: { test: (text) => text !== "", must: "a text" },
  port: { test: (text) => /^\d{1,5}$/.test(text) && Number(text) <= 65_535, must: "a port from 0 to 65535" },
  address: { test: (text) => /^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}$/.test(text), must: "host:port" },
  file: { test: (text) => text !== "", must: "a path" },
  count: { test: (text) => /^[1-9]\d{0,6}$/.test(text), must: "a whole number from 1 to 9999999" },
  rate: {
    test: (text) => /^\d+(?:\.\d+)?$/.test(text) && Number(text) > 0 && Number(text) <= 1_000,
    must: "a number above 0, at most 1000",
  },
  url: { test: (text) => /^https?:\/\//.test(text) && URL.canParse(text), must: "an http URL" },
  receiver: {
    test: (text) => text === "off" || (/^https?:\/\//.test(text) && URL.canParse(text)),
    must: "an http URL or off",
  },
  date: {
    test: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)),
    must: "a date such as 2026-01-31",
  },
};

/** The options' texts, each checked against its kind. Throws one StackError with every problem. */
export function readOptions<const O extends Readonly<Record<string, Option>>>(
  program: string,
  argv: readonly string[],
  options: O,
): { readonly [name in keyof O]: string } {
  const usage = `Usage: ${program}${Object.entries(options)
    .map(([name, { kind, default: preset }]) =>
      preset === undefined ? ` --${name} ${kind.toUpperCase()}` : ` [--${name} ${kind.toUpperCase()}]`,
    )
    .join("")}`;
  const given = parse(program, argv, Object.keys(options), usage);
  const problems: Problem[] = [];
  const values: Record<string, string> = {};
  for (const [name, { kind, default: preset }] of Object.entries(options)) {
    const text = given[name] ?? preset;
    if (text === undefined) problems.push({ where: program, what: `--${name} is missing`, remedy: usage });
    else if (!shapes[kind].test(text))
      problems.push({
        where: program,
        what: `--${name} ${JSON.stringify(text)} is not ${shapes[kind].must}`,
        remedy: usage,
      });
    else values[name] = text;
  }
  if (problems.length > 0) throw new StackError(problems);
  return values as { readonly [name in keyof O]: string };
}

function parse(
  program: string,
  argv: readonly string[],
  names: readonly string[],
  usage: string,
): Record<string, string | undefined> {
  try {
    const options = Object.fromEntries(names.map((name) => [name, { type: "string" as const }]));
    return parseArgs({ args: [...argv], options, strict: true, allowPositionals: false }).values as Record<
      string,
      string | undefined
    >;
  } catch (thrown) {
    throw stackError(program, messageOf(thrown), usage, thrown);
  }
}

/** A password from its file; the value never appears in a message. */
export function readPassword(path: string): string {
  const remedy = "Write the password into the file, as printable ASCII on one line, readable by this process only.";
  let text: string;
  try {
    text = readFileSync(path, "utf8").replace(/\r?\n$/, "");
  } catch (thrown) {
    throw stackError(
      path,
      `the password file cannot be read (${(thrown as NodeJS.ErrnoException).code ?? "unknown"})`,
      remedy,
    );
  }
  // Other characters would need SASLprep before hashing, which clients do differently.
  if (!/^[\x20-\x7e]+$/.test(text))
    throw stackError(path, "the password file is empty or holds other than printable ASCII", remedy);
  return text;
}

export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(address.slice(colon + 1)) };
}
