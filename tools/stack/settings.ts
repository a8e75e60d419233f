// A stack's settings file as it lies there, before Pulumi or we judge what it says.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { withEnvironment } from "../../components/config/secrets.ts";
import type { RawConfig } from "../../components/config.ts";
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

/** The stack's settings as Pulumi would hand them over: structures as JSON, secrets by name. */
export function readSettings(stack: string, path = settingsFile(stack)): RawConfig {
  if (!existsSync(path))
    throw stackError(path, "does not exist", "Name a stack that has settings: --stack staging, or --settings FILE.");
  return rawOf(stack, settingsIn(path));
}

/** Settings with their namespaces, such as `settingsIn` reads. `env`: where some secrets may be, too. */
export function rawOf(
  stack: string,
  settings: Readonly<Record<string, unknown>>,
  env: NodeJS.ProcessEnv = process.env,
): RawConfig {
  const values: Record<string, string> = {};
  const secretKeys: string[] = [];
  for (const [key, value] of Object.entries(settings)) {
    if (!key.startsWith("vitals:")) continue;
    const name = key.slice("vitals:".length);
    if (isSecret(value)) secretKeys.push(name);
    else values[name] = typeof value === "string" ? value : JSON.stringify(value);
  }
  return { environment: stack, values, secretKeys: withEnvironment(secretKeys, env) };
}

function isSecret(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).join() === "secure";
}
