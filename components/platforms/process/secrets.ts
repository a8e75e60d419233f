// The engine's secrets: they arrive in signed envelopes and must leave in them, or the state would hold them in clear.
import { createHash } from "node:crypto";
import { isRef, type Tree } from "../../spec.ts";
import type { PlannedFile } from "./plan.ts";
import { render } from "./plan.ts";

const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";
/** Stands for a value that is not known before its resource exists. */
const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

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

export const isUnknown = (value: unknown): boolean =>
  value === unknownValue || (typeof value === "object" && value !== null && Object.values(value).some(isUnknown));

/** A planned file with its secrets filled in. Throws for a secret that was not handed over. */
export function finishText({ content }: PlannedFile, secrets: Readonly<Record<string, string>>): string {
  return "text" in content ? content.text : render(fill(content.sealed, secrets), content.format);
}

function fill(tree: Tree, secrets: Readonly<Record<string, string>>): Tree {
  if (isRef(tree)) {
    if (tree.$ === "parts") return tree.parts.map((part) => fill(part, secrets)).join("");
    if (tree.$ !== "secret") throw new Error(`a reference of kind ${tree.$} was not resolved`);
    const value = secrets[tree.name];
    if (value === undefined) throw new Error(`the secret ${tree.name} is missing`);
    return tree.as === "sha256" ? createHash("sha256").update(value).digest("hex") : value;
  }
  if (Array.isArray(tree)) return tree.map((item: Tree) => fill(item, secrets));
  if (typeof tree === "object" && tree !== null)
    return Object.fromEntries(Object.entries(tree).map(([key, item]) => [key, fill(item as Tree, secrets)]));
  return tree;
}
