// What a platform is, and the one place where references become addresses and paths.
import type { StackConfig } from "../config.ts";
import { stackError } from "../errors.ts";
import {
  isRef,
  type Path,
  type PortName,
  type PortRef,
  type Ref,
  type SecretName,
  type ServiceName,
  type ServiceSpec,
  splitPort,
  type Tree,
  type VolumeName,
} from "../spec.ts";
import type { Stack, Surroundings } from "../stack.ts";
import type { Plugin } from "./plugin.ts";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** Of its URLs; default http. */
  readonly scheme?: "http" | "https";
}

/** One replica of a service; `instance` is its name everywhere: `redis-0`. */
export interface Replica {
  readonly service: ServiceName;
  readonly instance: string;
  readonly ordinal: number;
}

/** Pure: every address and path of a stack, known from its specs alone. */
export interface AddressBook {
  /** Every replica's address of a port, seen from inside the stack or from a person's browser. */
  readonly endpoints: (to: PortRef, side: "inside" | "outside") => readonly Endpoint[];
  /** The one address behind which a platform puts all replicas; where there is none, the first replica stands for all. */
  readonly service?: (to: PortRef, side: "inside" | "outside") => Endpoint | undefined;
  readonly discover: (to: PortRef) => Tree;
  readonly listen: (replica: Replica, port: PortName) => Endpoint;
  readonly file: (replica: Replica, path: Path) => string;
  readonly dir: (replica: Replica, volume: VolumeName) => string;
  readonly secretFile: (replica: Replica, name: SecretName) => string;
  readonly self: (replica: Replica, as: "name" | "ip") => string;
}

/** A URL that a person can open. */
export interface OpenPage {
  readonly service: ServiceName;
  readonly title: string;
  readonly url: string;
}

/** A platform's pure side: specs -> plan, without an engine, a plugin or a cluster. */
export interface Planner<Plan> {
  readonly surroundings: (config: StackConfig) => Surroundings;
  /** Throws one StackError with everything that cannot run there. */
  readonly plan: (config: StackConfig, stack: Stack) => Plan;
  /** What Pulumi needs for it beside our own provider. */
  plugins?(plan: Plan): readonly Plugin[];
}

/** A tree in which only secrets (but for their paths), and texts with secrets in them, are still references. */
export type Sealed = Tree;

export const replicasOf = (spec: ServiceSpec): readonly Replica[] =>
  Array.from({ length: spec.replicas ?? 1 }, (_, ordinal) => ({
    service: spec.name,
    instance: `${spec.name}-${ordinal}`,
    ordinal,
  }));

export const formatEndpoint = ({ host, port }: Endpoint): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

/** The inverse: the address of a service that runs elsewhere. */
export function parseAddress(address: string): Endpoint {
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(address.slice(colon + 1)) };
}

/** The services that have to be ready, or to have ended well, before this one starts. `running`: those that the platform starts. */
export const afterOf = (
  { needs = [] }: ServiceSpec,
  running: readonly ServiceSpec[],
  aliases: Stack["aliases"],
): readonly ServiceName[] =>
  needs
    .filter(({ when }) => when !== "started")
    .map(({ on }) => aliases.get(splitPort(on).service) ?? splitPort(on).service)
    .filter((name) => running.some((other) => other.name === name));

/** Asks PostgreSQL whether it takes connections, in its own container: `pg_isready` comes with it. */
export const pgIsReady = (port: number): readonly string[] => [
  "pg_isready",
  "--host=127.0.0.1",
  `--port=${port}`,
  "--username=postgres",
];

/** Without a path; the port that a scheme implies is left out, as browsers do. */
export const formatUrl = ({ scheme = "http", ...endpoint }: Endpoint): string =>
  scheme === "https" && endpoint.port === 443 ? `https://${endpoint.host}` : `${scheme}://${formatEndpoint(endpoint)}`;

/** Resolves every reference of a tree for one replica. Throws a StackError for a service or port that does not exist. */
export function resolve(tree: Tree, replica: Replica, book: AddressBook): Sealed {
  if (isRef(tree)) return resolveRef(tree, replica, book);
  if (Array.isArray(tree)) return tree.map((item: Tree) => resolve(item, replica, book));
  if (typeof tree === "object" && tree !== null)
    // YAML's merge key: `{ job_name: "x", "<<": discover(port) }`.
    return Object.fromEntries(
      Object.entries(tree).flatMap(([key, item]) => {
        const resolved = resolve(item as Tree, replica, book);
        return key === "<<" ? Object.entries(resolved as { readonly [key: string]: Tree }) : [[key, resolved]];
      }),
    );
  return tree;
}

/** As `resolve`, for what must be plain text: arguments, environment, checks. A secret's value there is refused. */
export function resolveText(value: string | Ref, replica: Replica, book: AddressBook): string {
  const text = resolve(value, replica, book);
  if (typeof text === "string" || typeof text === "number") return String(text);
  throw stackError(
    replica.service,
    "a secret's value stands in an argument, an environment variable or a check",
    'Hand it over as a file: secret(NAME, "path").',
  );
}

function resolveRef(ref: Ref, replica: Replica, book: AddressBook): Sealed {
  switch (ref.$) {
    case "at": {
      const shared = ref.replica === undefined ? book.service?.(ref.to, ref.side) : undefined;
      const endpoint = shared ?? nth(book.endpoints(ref.to, ref.side), ref.replica ?? 0, ref.to, replica);
      if (ref.as === "host") return endpoint.host;
      if (ref.as === "port") return endpoint.port;
      return ref.as === "url" ? `${formatUrl(endpoint)}${ref.path}` : `${formatEndpoint(endpoint)}${ref.path}`;
    }
    case "all":
      return book.endpoints(ref.to, "inside").map(formatEndpoint);
    case "discover":
      return book.discover(ref.to);
    case "listen": {
      const endpoint = book.listen(replica, ref.port);
      return ref.as === "host" ? endpoint.host : ref.as === "port" ? endpoint.port : formatEndpoint(endpoint);
    }
    case "file":
      return book.file(replica, ref.path);
    case "dir":
      return book.dir(replica, ref.volume);
    case "self":
      return book.self(replica, ref.as);
    case "secret":
      return ref.as === "path" ? book.secretFile(replica, ref.name) : ref;
    case "parts": {
      const parts = ref.parts.map((part) => (typeof part === "string" ? part : resolveRef(part, replica, book)));
      const isText = (part: Sealed): part is string | number => typeof part === "string" || typeof part === "number";
      return parts.every(isText)
        ? parts.join("")
        : { $: "parts", parts: parts.map((part) => (isText(part) ? String(part) : (part as Ref))) };
    }
  }
}

function nth(endpoints: readonly Endpoint[], ordinal: number, to: PortRef, replica: Replica): Endpoint {
  const endpoint = endpoints[ordinal];
  if (endpoint === undefined)
    throw stackError(
      replica.service,
      `refers to ${ordinal === 0 ? to : `replica ${ordinal} of ${to}`}, which does not exist`,
      "Name a service and a port of the stack.",
    );
  return endpoint;
}
