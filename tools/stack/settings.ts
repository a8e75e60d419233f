// A stack's settings file as it lies there, before Pulumi or we judge what it says.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { messageOf, stackError } from "../../components/errors.ts";
import { codeRoot } from "../../components/platforms/process/checkout.ts";

export const settingsFile = (stack: string): string => join(codeRoot, `Pulumi.${stack}.yaml`);

/** Setting -> value; none where there is no file. Throws a StackError for a file that cannot be read as settings. */
export function settingsIn(path: string): Readonly<Record<string, unknown>> {
  if (!existsSync(path)) return {};
  const remedy = "Correct the file: below `config:`, one line `vitals:NAME: VALUE` for each setting.";
  let file: unknown;
  try {
    file = parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw stackError(path, `cannot be read: ${messageOf(error).trim()}`, remedy, error);
  }
  const { config = {} } = (file ?? {}) as { readonly config?: unknown };
  if (config === null) return {};
  if (typeof config !== "object" || Array.isArray(config)) throw stackError(path, "its config is no map", remedy);
  return config as Readonly<Record<string, unknown>>;
}
