// One replica of a service as a container: plain data, everything said that Docker would otherwise choose.
import { createHash } from "node:crypto";
import { dirname } from "node:path/posix";
import {
  contentOf,
  type FileSpec,
  type Path,
  type SecretName,
  type ServiceName,
  type ServiceSpec,
  secretFilesOf,
  secretsOf,
  type Value,
} from "../../spec.ts";
import { bytes } from "../../units.ts";
import { type Content, contentFrom } from "../content.ts";
import { ownUser } from "../images.ts";
import { secretsFolder, topFolders } from "../mounts.ts";
import { nodeCommand } from "../node.ts";
import { type AddressBook, pgIsReady, type Replica, resolve, resolveText } from "../platform.ts";
import { portOnMachine } from "../ports.ts";
import { hostNameOf, loopback } from "./book.ts";

export interface PlacedFile {
  readonly path: Path;
  readonly content: Content;
  readonly apply: FileSpec["apply"];
}

export interface Published {
  readonly ip: string;
  readonly external: number;
  readonly internal: number;
  readonly protocol: "tcp" | "udp";
}

export interface ContainerPlan {
  /** Its name on the engine, among the containers of every stack. */
  readonly name: string;
  readonly service: ServiceName;
  readonly instance: string;
  /** Runs to its end, and has to end well. */
  readonly job: boolean;
  readonly image: string;
  /** Instead of the image's own. */
  readonly entrypoint?: readonly [string, ...string[]];
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly user: { readonly uid: number; readonly gid: number };
  /** Groups beside its own: that of files which a person who is not root cannot give away. */
  readonly groups: readonly number[];
  /** Rights of the kernel that it has; all others are taken. */
  readonly capabilities: readonly string[];
  /** undefined: on no network at all. */
  readonly network?: { readonly hostname: string; readonly aliases: readonly string[]; readonly address?: string };
  /** Folders of generated files, read-only: in the files' folder of its service -> in the container. */
  readonly folders: readonly string[];
  readonly volumes: readonly { readonly name: string; readonly path: string }[];
  readonly scratch: readonly string[];
  readonly ports: readonly Published[];
  readonly health?: readonly [kind: "CMD" | "CMD-SHELL", ...words: string[]];
  /** MiB: what it needs, and where its memory ends. */
  readonly memory: { readonly needs: number; readonly most: number };
  /** Its part of the processors when they are all busy: 1024 a core. */
  readonly cpuShares: number;
  readonly stop: { readonly signal: string; readonly graceSeconds: number };
  readonly labels: Readonly<Record<string, string>>;
  /** What it reads at its start. */
  readonly secrets: readonly SecretName[];
}

/** Which container belongs to what; and a hash of the files that it reads at its start alone, whose change makes a new one. */
export const labelOf = (name: "stack" | "service" | "instance" | "files" | "secrets"): string => `vitals.${name}`;

/** A quarter of an hour until it first answers, as after a crash with much to replay; then a quarter of a minute of silence is too much. */
export const healthTimes = { interval: "5s", timeout: "10s", retries: 3, start_period: "15m0s" } as const;
export const logOptions = { "max-size": "10m", "max-file": "3" } as const;
/** 256 MiB, which count as its memory. */
export const scratchOptions = "rw,noexec,nosuid,nodev,size=268435456,mode=1777";

export interface ContainerInput {
  readonly spec: ServiceSpec;
  readonly replica: Replica;
  readonly book: AddressBook;
  readonly project: string;
  readonly portOffset: number;
  readonly image: string;
  readonly files: readonly PlacedFile[];
  readonly groups: readonly number[];
  readonly address: string | undefined;
}

export function container(input: ContainerInput): ContainerPlan {
  const { spec, replica, book, project, image, files, groups, address } = input;
  const { entry } = spec.artifact;
  const text = (value: Value) => resolveText(value, replica, book);
  const health = healthOf(input);
  const { cpu, memory, maxMemory } = spec.resources ?? { cpu: 0.1, memory: "128MiB" };
  return {
    name: `${project}-${replica.instance}`,
    service: spec.name,
    instance: replica.instance,
    job: spec.kind === "job",
    image,
    ...(entry === undefined ? {} : { entrypoint: entry }),
    command: [...nodeCommand(spec.artifact), ...(spec.args ?? []).map(text)],
    env: Object.fromEntries(Object.entries(spec.env ?? {}).map(([name, value]) => [name, text(value)])),
    user: spec.user ?? ownUser,
    groups,
    capabilities: [],
    network: {
      hostname: hostNameOf(spec, replica),
      aliases: [...new Set([spec.name, hostNameOf(spec, replica)])],
      ...(address === undefined ? {} : { address }),
    },
    folders: topFolders(files.map(({ path }) => dirname(path))),
    volumes: Object.entries(spec.volumes ?? {}).map(([volume, { path }]) => ({
      name: volumeName(project, replica, volume),
      path,
    })),
    scratch: [...new Set(["/tmp", ...(spec.scratch ?? [])])],
    ports: publishedOf(input),
    ...(health === undefined ? {} : { health }),
    memory: {
      needs: mebibytes(bytes(memory)),
      most: mebibytes(maxMemory === undefined ? 2 * bytes(memory) : bytes(maxMemory)),
    },
    cpuShares: Math.max(2, Math.round(1_024 * cpu)),
    stop: { signal: spec.stop?.signal ?? "SIGTERM", graceSeconds: spec.stop?.graceSeconds ?? 10 },
    labels: {
      [labelOf("stack")]: project,
      [labelOf("service")]: spec.name,
      [labelOf("instance")]: replica.instance,
      [labelOf("files")]: hashOf(files.filter(({ apply }) => apply === "restart")),
    },
    secrets: secretsOf(spec),
  };
}

export const volumeName = (project: string, { instance }: Replica, volume: string): string =>
  `${project}-${instance}-${volume}`;

/** The same for all replicas. A secret that a service reads from a file of its own is one of its files. */
export const filesOf = (spec: ServiceSpec, replica: Replica, book: AddressBook): readonly PlacedFile[] => [
  ...Object.entries(spec.files ?? {}).map(
    ([path, each]): PlacedFile => ({
      path: path as Path,
      content: contentFrom(each, resolve(contentOf(each), replica, book)),
      apply: each.apply,
    }),
  ),
  ...secretFilesOf(spec).map(
    (name): PlacedFile => ({
      path: `${secretsFolder}/${name}` as Path,
      content: { sealed: { $: "secret", name, as: "text" }, format: "text" },
      // Every reader of a secret starts anew when that changes.
      apply: "restart",
    }),
  ),
];

/** Whether a port is one of the machine's: others are reached on the stack's own network alone. */
export const isPublished = ({ scope = "internal" }: ServiceSpec["ports"][string]): boolean => scope !== "internal";

const publishedOf = ({ spec, replica, portOffset }: ContainerInput): readonly Published[] =>
  Object.values(spec.ports)
    .filter(isPublished)
    .map(({ number, protocol, scope }) => ({
      ip: scope === "public" ? "0.0.0.0" : loopback,
      external: portOnMachine(number, replica.ordinal, portOffset),
      internal: number,
      protocol: protocol ?? "tcp",
    }))
    .toSorted((one, other) => one.internal - other.internal || one.protocol.localeCompare(other.protocol));

/**
 * Checks run in the container, with what its image has: Node in ours; BusyBox in those of Prometheus, Alertmanager, Jaeger
 * (from 2.11 on its base is Alpine), Grafana and Redis; `pg_isready` in PostgreSQL's. The engine ends one that takes too long.
 */
function healthOf({ spec, replica, book }: ContainerInput): ContainerPlan["health"] {
  const { ready } = spec;
  if (ready === undefined) return undefined;
  // What listens everywhere is there on loopback too.
  const inside: AddressBook = {
    ...book,
    listen: (each, port) => ({ host: loopback, port: book.listen(each, port).port }),
  };
  const own = spec.artifact.node !== undefined;
  if ("exec" in ready) return ["CMD", ...ready.exec.map((value) => resolveText(value, replica, inside))];
  if ("postgres" in ready) return ["CMD", ...pgIsReady(book.listen(replica, ready.postgres).port)];
  const port = (name: string) => String(book.listen(replica, name).port);
  if ("http" in ready) return httpCheck(`http://${loopback}:${port(ready.http)}${ready.path}`, own);
  return own ? ["CMD", "node", "-e", connects, port(ready.tcp)] : ["CMD", "nc", "-z", loopback, port(ready.tcp)];
}

const answers =
  'require("node:http").get(process.argv[1],({statusCode})=>process.exit(statusCode<300?0:1)).on("error",()=>process.exit(1))';
const connects =
  'require("node:net").connect(Number(process.argv[1]),"127.0.0.1",()=>process.exit(0)).on("error",()=>process.exit(1))';

const httpCheck = (url: string, own: boolean): NonNullable<ContainerPlan["health"]> =>
  own ? ["CMD", "node", "-e", answers, url] : ["CMD", "wget", "-q", "-O", "/dev/null", url];

const mebibytes = (amount: number): number => Math.ceil(amount / 2 ** 20);

export const hashOf = (value: unknown): string =>
  createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16);
