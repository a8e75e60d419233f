// Files with their secrets filled in, right before they leave for the supervisor.
import { createHash } from "node:crypto";
import { isRef, type Tree } from "../../spec.ts";
import { type PlannedFile, render } from "./plan.ts";

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
