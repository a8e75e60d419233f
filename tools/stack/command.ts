// What every command shares: options with --help, expected errors without a stack trace, exit codes.
import { type ParseArgsConfig, parseArgs } from "node:util";
import { messageOf, StackError } from "../../components/errors.ts";

type Options = NonNullable<ParseArgsConfig["options"]>;

export interface Given {
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
}

/** Runs a command's main function. Exit code: what it returns; 1 for an expected error, 2 for wrong usage. */
export async function command(help: string, options: Options, main: (given: Given) => Promise<number>): Promise<void> {
  let given: Given;
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { ...options, help: { type: "boolean", short: "h" } },
    });
    given = { values: values as Given["values"], positionals };
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${help}`);
    process.exitCode = 2;
    return;
  }
  if (given.values.help === true) {
    console.log(help);
    return;
  }
  try {
    process.exitCode = await main(given);
  } catch (error) {
    if (!(error instanceof StackError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

/** The stack that a command works on. */
export const stackOption = { stack: { type: "string", short: "s", default: "dev" } } as const;
