// What every command shares: options with --help, expected errors without a stack trace, exit codes.
import { type ParseArgsConfig, parseArgs } from "node:util";
import { messageOf, StackError } from "../../components/errors.ts";

type Options = NonNullable<ParseArgsConfig["options"]>;

export interface Given {
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  readonly positionals: readonly string[];
}

/** Names that a stack of this checkout may have: its folder lies beside these two. */
const stackName = /^(?!(?:backend|passphrase)$)[a-z0-9][a-z0-9_-]{0,99}$/;

/** A value that an option or a word may not have: shown with the help text. */
export class UsageError extends Error {}

/**
 * Runs a command's main function. Exit code: what it returns; 1 for an expected error, 2 for wrong usage.
 * `names`: whether it takes words that are not options; elsewhere such a word is a mistake, often a forgotten `--stack`.
 */
export async function command(
  help: string,
  options: Options,
  main: (given: Given) => Promise<number>,
  { names = false }: { readonly names?: boolean } = {},
): Promise<void> {
  let given: Given;
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { ...options, help: { type: "boolean", short: "h" } },
    });
    given = { values: values as Given["values"], positionals };
    const [word] = positionals;
    if (!names && word !== undefined)
      throw new Error(`"${word}" is not an option.${"stack" in options ? ` Did you mean --stack ${word}?` : ""}`);
    const { stack } = given.values;
    if (typeof stack === "string" && !stackName.test(stack)) throw new Error(`"${stack}" is not the name of a stack.`);
  } catch (error) {
    refuse(error, help);
    return;
  }
  if (given.values.help === true) {
    console.log(help);
    return;
  }
  try {
    process.exitCode = await main(given);
  } catch (error) {
    if (error instanceof UsageError) return refuse(error, help);
    if (!(error instanceof StackError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

function refuse(error: unknown, help: string): void {
  console.error(`${messageOf(error)}\n\n${help}`);
  process.exitCode = 2;
}

/** The stack that a command works on. */
export const stackOption = { stack: { type: "string", short: "s", default: "dev" } } as const;
