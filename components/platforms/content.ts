// What a file's content is once references are resolved: a finished text, or a tree that still lacks its secrets.
import { stringify } from "yaml";
import { type FileSpec, isRef, type SecretRef, type Tree } from "../spec.ts";
import type { Sealed } from "./platform.ts";

export type Format = "yaml" | "json" | "text";

export type Content = { readonly text: string } | { readonly sealed: Sealed; readonly format: Format };

/** `sealed`: the content with every reference resolved but those to secrets. */
export function contentFrom(spec: FileSpec, sealed: Sealed): Content {
  const format = formatOf(spec);
  return hasSecret(sealed) ? { sealed, format } : { text: renderText(sealed, format) };
}

/** As `contentFrom`, rendered no sooner than it is placed: most runs of an engine only compare. */
export const unrendered = (spec: FileSpec, sealed: Sealed): Content => ({ sealed, format: formatOf(spec) });

const formatOf = ({ content }: FileSpec): Format => ("yaml" in content ? "yaml" : "json" in content ? "json" : "text");

/** A sealed content with each secret told by `reveal`. */
export const finish = (content: Content, reveal: (secret: SecretRef) => string): string =>
  "text" in content ? content.text : renderText(fill(content.sealed, reveal), content.format);

/** A tree without references as the text of a file. */
export function renderText(tree: Tree, format: Format): string {
  if (format === "text") return String(tree);
  return format === "json"
    ? `${JSON.stringify(tree, null, 2)}\n`
    : stringify(tree, { lineWidth: 0, aliasDuplicateObjects: false });
}

const hasSecret = (tree: Tree): boolean =>
  typeof tree === "object" &&
  tree !== null &&
  (Array.isArray(tree)
    ? tree.some(hasSecret)
    : "$" in tree || Object.values(tree).some((item) => hasSecret(item as Tree)));

function fill(tree: Tree, reveal: (secret: SecretRef) => string): Tree {
  if (isRef(tree)) {
    if (tree.$ === "parts") return tree.parts.map((part) => fill(part, reveal)).join("");
    if (tree.$ !== "secret") throw new Error(`a reference of kind ${tree.$} was not resolved`);
    return reveal(tree);
  }
  if (Array.isArray(tree)) return tree.map((item: Tree) => fill(item, reveal));
  if (typeof tree === "object" && tree !== null)
    return Object.fromEntries(Object.entries(tree).map(([key, item]) => [key, fill(item as Tree, reveal)]));
  return tree;
}
