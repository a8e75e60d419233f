// References as a reader sees them who has no platform at hand: a service's name in the place of its address.
import { isRef, splitPort, type Tree } from "../../components/spec.ts";

/** `http://127.0.0.1:9090`, or undefined where a service's name has to do. */
export type UrlOf = (service: string, port: string) => string | undefined;

/** A tree in which every address is its service's name, as in a cluster: what can be read without a platform. */
export const withServiceNames = (tree: Tree): Tree => withUrls(tree, () => undefined);

/** The same, with the URLs of services that are known to run somewhere. */
export function withUrls(tree: Tree, urlOf: UrlOf): Tree {
  if (isRef(tree)) {
    if (tree.$ === "parts") return tree.parts.map((part) => withUrls(part, urlOf)).join("");
    if (tree.$ === "secret") return `/secrets/${tree.name}`;
    if (tree.$ !== "at") return tree;
    const { service, port } = splitPort(tree.to);
    if (tree.as !== "url") return `${service}${tree.path}`;
    return `${urlOf(service, port) ?? `http://${service}`}${tree.path}`;
  }
  if (Array.isArray(tree)) return tree.map((each: Tree) => withUrls(each, urlOf));
  if (typeof tree === "object" && tree !== null)
    return Object.fromEntries(Object.entries(tree).map(([key, item]) => [key, withUrls(item as Tree, urlOf)]));
  return tree;
}
