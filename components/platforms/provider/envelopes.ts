// The engine's secrets: they arrive in signed envelopes and must leave in them, or the state would hold them in clear.

const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";
/** Stands for a value that is not known before its resource exists. */
export const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

const isEnvelope = (value: unknown): value is { readonly value: unknown } =>
  typeof value === "object" && value !== null && (value as Record<string, unknown>)[signatureKey] === secretSignature;

/** The same value without any envelope. */
export function unwrap(value: unknown): unknown {
  if (isEnvelope(value)) return unwrap(value.value);
  if (Array.isArray(value)) return value.map(unwrap);
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unwrap(item)]));
  return value;
}

export const wrap = (value: string): unknown => ({ [signatureKey]: secretSignature, value });

/** Secrets by name, each in its own. */
export const wrapAll = (values: Readonly<Record<string, string>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, wrap(value)]));

export const isUnknown = (value: unknown): boolean =>
  value === unknownValue || (typeof value === "object" && value !== null && Object.values(value).some(isUnknown));
