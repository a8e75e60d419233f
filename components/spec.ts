// The contract that everything hangs on: a service as plain data. No Output, no host name, no secret value, no function.
import type { Size } from "./units.ts";

export type ServiceName = string;
export type PortName = string;
export type VolumeName = string;
export type SecretName = string;
/** An absolute path as it is in a container; a platform decides where the file really lies. */
export type Path = `/${string}`;
/** `service/port`, such as `prometheus/web`. */
export type PortRef = `${ServiceName}/${PortName}`;

/** `path` is a file of mode 0600 that holds the value; any other form makes the file it stands in secret. */
export interface SecretRef {
  readonly $: "secret";
  readonly name: SecretName;
  /** `text`: as it is. `sha256`: in hex. `bcrypt`: salted with the stack's own key, so that it is the same each time. */
  readonly as: "path" | "text" | "sha256" | "bcrypt";
}

/** A reference that a platform resolves once, before anything runs. The key `$` sets it apart from the plain objects of a Tree. */
export type Ref =
  /** Where a port is reached: `host:port`, or a URL (http), or the host alone. `outside` is what a person's browser uses. */
  | {
      readonly $: "at";
      readonly to: PortRef;
      readonly as: "address" | "url" | "host" | "port";
      readonly side: "inside" | "outside";
      readonly path: string;
      /** One replica, by its ordinal; without it, any of them. */
      readonly replica?: number;
    }
  /** The addresses of every replica, as a list. */
  | { readonly $: "all"; readonly to: PortRef }
  /** A piece of scrape_config that finds every replica and sets `instance`. */
  | { readonly $: "discover"; readonly to: PortRef }
  /** `host:port` on which this service listens. */
  | { readonly $: "listen"; readonly port: PortName; readonly as: "address" | "host" | "port" }
  /** The real path of one of this service's own files. */
  | { readonly $: "file"; readonly path: Path }
  /** The real path of one of this service's own volumes. */
  | { readonly $: "dir"; readonly volume: VolumeName }
  /** This replica: its `instance` name, or the address that its peers use. In args and env only: files are the same for all replicas. */
  | { readonly $: "self"; readonly as: "name" | "ip" }
  | SecretRef
  | { readonly $: "parts"; readonly parts: readonly (string | Ref)[] };

export type Value = string | Ref;
export type Tree = Value | number | boolean | null | readonly Tree[] | { readonly [key: string]: Tree };

export interface FileSpec {
  readonly content: { readonly yaml: Tree } | { readonly json: Tree } | { readonly text: Value };
  /** How a running program takes a new content. `watched`: it sees the change itself. */
  readonly apply: "restart" | "watched" | { readonly signal: "SIGHUP" };
  /** The program rewrites the file itself: it is placed once and then left alone. */
  readonly seed?: boolean;
}

export type Check =
  | { readonly http: PortName; readonly path: string }
  | { readonly tcp: PortName }
  /** PostgreSQL takes connections there: its port is open before that, while it starts or recovers. */
  | { readonly postgres: PortName }
  | { readonly exec: readonly [tool: string, ...args: Value[]] };

export interface PortSpec {
  readonly number: number;
  readonly protocol?: "tcp" | "udp";
  /**
   * `internal`: for the stack. `platform`: for the services that the stack serves too, wherever they run. `host`: for
   * people on this machine. `public`: for people elsewhere. Default: internal.
   */
  readonly scope?: "internal" | "platform" | "host" | "public";
  /** What a person finds there; a port with a title is a row in the table of URLs. */
  readonly title?: string;
  /** Of the URL that a person uses; default http. */
  readonly scheme?: "http" | "redis" | "postgres" | "grpc";
  /**
   * Whom it asks by itself for a password: `people`, each for their own; or whoever comes for the one that all `share`. A
   * page that asks nobody needs that done in front of it before people elsewhere may reach it.
   */
  readonly login?: "people" | "shared";
}

export interface VolumeSpec {
  readonly path: Path;
  readonly size: Size;
  /** Kept when the service goes; default true. */
  readonly keep?: boolean;
  /** In a cluster: another class than that of the stack's volumes. */
  readonly storageClass?: string;
  /** In a cluster: a claim that exists already, in which the service gets a folder of its own name. */
  readonly claim?: string;
}

/** A volume of another service's first replica, which is why this one runs on the same machine and as the same user. */
export interface BesideSpec {
  readonly service: ServiceName;
  readonly volume: VolumeName;
  /** Where it is found; not where the other service has it. */
  readonly path: Path;
  readonly readOnly: boolean;
}

/** How to get into something that asks for a user and a password. */
export interface Login {
  readonly user: string;
  readonly password: SecretName;
}

export interface MetricsSpec {
  readonly port: PortName;
  /** Default `/metrics`. */
  readonly path?: string;
  readonly login?: Login;
  /** How many samples one scrape may bring; beyond, it fails as a whole. Default 50,000. */
  readonly sampleLimit?: number;
}

export interface Artifact {
  /** A binary that tools/ knows by name. */
  readonly tool?: string;
  readonly image?: string;
  /** The program in the image, where the image would start it through a script that adds arguments of its own. */
  readonly entry?: readonly [program: string, ...args: string[]];
  /** An entry of our own, relative to the repository, run by Node. */
  readonly node?: string;
  /**
   * What Node fills before it collects what is short-lived; of its memory it takes three times as much. Without it V8 goes by the limit
   * of its container: up to 512 MiB of that it takes 1 MiB, which is little for a busy service.
   */
  readonly semiSpace?: `${1 | 2 | 4 | 8 | 16 | 32 | 64}MiB`;
}

/** A service that runs elsewhere and is only watched. */
export interface ExternalSpec {
  readonly address: string;
}

/** Pods that run elsewhere and are only watched: found by their labels, in a cluster alone. */
export interface PodsSpec {
  readonly namespaces: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Where each has its metrics; as a prefix such as `prometheus.io`, each pod tells it by annotations of its own. */
  readonly port: number | { readonly annotations: string };
}

export interface ServiceSpec {
  readonly name: ServiceName;
  readonly kind: "service" | "stateful" | "job" | "external";
  /** One line for tables and dashboards: what it is for. */
  readonly about: string;
  readonly owner: string;
  readonly version: string;
  readonly artifact: Artifact;
  /** Who the program runs as in its image: what the image's files and volumes are made for. */
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly external?: ExternalSpec;
  readonly pods?: PodsSpec;
  readonly args?: readonly Value[];
  readonly env?: Readonly<Record<string, Value>>;
  readonly files?: Readonly<Record<Path, FileSpec>>;
  /** Folders for what may be lost. */
  readonly scratch?: readonly Path[];
  readonly ports: Readonly<Record<PortName, PortSpec>>;
  readonly volumes?: Readonly<Record<VolumeName, VolumeSpec>>;
  readonly beside?: BesideSpec;
  /** Of a job: when it starts, as cron writes it, in UTC; without it, once. */
  readonly schedule?: string;
  /** Orders starts, nothing else: a port, or a job that has to end well. Default `ready`. */
  readonly needs?: readonly { readonly on: PortRef | ServiceName; readonly when?: "started" | "ready" }[];
  /** Destinations outside the stack. */
  readonly egress?: readonly { readonly host: string; readonly port: number }[];
  /** A job is ready when it has ended well; other kinds need a check. */
  readonly ready?: Check;
  readonly alive?: Check;
  readonly stop?: { readonly signal?: "SIGTERM" | "SIGINT" | "SIGQUIT"; readonly graceSeconds?: number };
  readonly replicas?: number;
  /** What it needs, in cores and memory, and where its memory ends; by default at twice what it needs. */
  readonly resources?: { readonly cpu: number; readonly memory: Size; readonly maxMemory?: Size };
  readonly metrics?: readonly MetricsSpec[];
  /** Runs on the staged files before anything is touched; what it prints on failure reaches the person. */
  readonly verify?: readonly { readonly tool: string; readonly args: readonly Value[] }[];
  /** Takes this service's place, ports included, where its program cannot be had. */
  readonly standIn?: ServiceName;
}

// Constructors: a data sheet reads as prose.
export const at = (to: PortRef, path = ""): Ref => ({ $: "at", to, as: "address", side: "inside", path });
export const urlOf = (to: PortRef, path = ""): Ref => ({ $: "at", to, as: "url", side: "inside", path });
export const hostOf = (to: PortRef): Ref => ({ $: "at", to, as: "host", side: "inside", path: "" });
export const portOf = (to: PortRef): Ref => ({ $: "at", to, as: "port", side: "inside", path: "" });
/** One replica's own address, such as that of a peer. */
export const replicaAt = (to: PortRef, replica: number): Ref => ({
  $: "at",
  to,
  as: "address",
  side: "inside",
  path: "",
  replica,
});
/** The URL that a person's browser uses. */
export const outsideUrl = (to: PortRef, path = ""): Ref => ({ $: "at", to, as: "url", side: "outside", path });
export const all = (to: PortRef): Ref => ({ $: "all", to });
export const discover = (to: PortRef): Ref => ({ $: "discover", to });
export const listen = (port: PortName): Ref => ({ $: "listen", port, as: "address" });
export const listenHost = (port: PortName): Ref => ({ $: "listen", port, as: "host" });
export const listenPort = (port: PortName): Ref => ({ $: "listen", port, as: "port" });
export const file = (path: Path): Ref => ({ $: "file", path });
export const dir = (volume: VolumeName): Ref => ({ $: "dir", volume });
export const self = (as: "name" | "ip"): Ref => ({ $: "self", as });
export const secret = (name: SecretName, as: SecretRef["as"]): Ref => ({ $: "secret", name, as });
/** A text with references in it: v`--peer=${at("alertmanager/cluster")}`. */
export const v = (texts: TemplateStringsArray, ...refs: readonly Value[]): Ref => ({
  $: "parts",
  parts: texts.flatMap((text, index) => [text, refs[index] ?? ""]).filter((part) => part !== ""),
});

export const isRef = (tree: Tree): tree is Ref =>
  typeof tree === "object" && tree !== null && !Array.isArray(tree) && typeof (tree as { $?: unknown }).$ === "string";

export const splitPort = (ref: PortRef | ServiceName): { readonly service: ServiceName; readonly port: PortName } => {
  const slash = ref.indexOf("/");
  return slash === -1 ? { service: ref, port: "" } : { service: ref.slice(0, slash), port: ref.slice(slash + 1) };
};

/** Where a URL leads: a destination of `egress`. */
export function hostAndPort(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port, protocol } = new URL(url);
  return { host: hostname, port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port) };
}

/** Every reference in a tree, those inside parts included. */
export function* refsIn(tree: Tree): Generator<Ref> {
  if (isRef(tree)) {
    yield tree;
    if (tree.$ === "parts") for (const part of tree.parts) yield* refsIn(part);
  } else if (Array.isArray(tree)) {
    for (const item of tree) yield* refsIn(item);
  } else if (typeof tree === "object" && tree !== null) {
    for (const item of Object.values(tree)) yield* refsIn(item as Tree);
  }
}

export const contentOf = (spec: FileSpec): Tree =>
  "yaml" in spec.content ? spec.content.yaml : "json" in spec.content ? spec.content.json : spec.content.text;

/** Every reference that a service makes, from its args, environment, files, checks and verifications. */
export function* refsOf(spec: ServiceSpec): Generator<Ref> {
  yield* refsIn([...(spec.args ?? [])]);
  yield* refsIn(Object.values(spec.env ?? {}));
  for (const each of Object.values(spec.files ?? {})) yield* refsIn(contentOf(each));
  for (const check of [spec.ready, spec.alive])
    if (check !== undefined && "exec" in check) yield* refsIn([...check.exec]);
  for (const { args } of spec.verify ?? []) yield* refsIn([...args]);
}

/** The names of all secrets that a service reads. */
export const secretsOf = (spec: ServiceSpec): readonly SecretName[] => secretNames(spec, () => true);

/** Those among them that it reads from a file which holds nothing else. */
export const secretFilesOf = (spec: ServiceSpec): readonly SecretName[] => secretNames(spec, ({ as }) => as === "path");

const secretNames = (spec: ServiceSpec, wanted: (ref: SecretRef) => boolean): readonly SecretName[] =>
  [...new Set([...refsOf(spec)].flatMap((ref) => (ref.$ === "secret" && wanted(ref) ? [ref.name] : [])))].toSorted();
