// The pure half of the process platform: specs -> addresses on loopback and, per replica, what to run with which files.
import type { StackConfig } from "../../config.ts";
import type { Problem } from "../../errors.ts";
import {
  type Check,
  contentOf,
  type FileSpec,
  type Path,
  type PortName,
  type PortRef,
  type ServiceName,
  type ServiceSpec,
  secretFilesOf,
  secretsOf,
  splitPort,
} from "../../spec.ts";
import { type Content, unrendered } from "../content.ts";
import { nodeOptions } from "../node.ts";
import {
  type AddressBook,
  afterOf,
  type Endpoint,
  formatEndpoint,
  type OpenPage,
  parseAddress,
  type Replica,
  replicasOf,
  resolve,
  resolveText,
} from "../platform.ts";
import { portOnMachine, portProblems } from "../ports.ts";
import { layout } from "./layout.ts";

const loopback = "127.0.0.1";

export type ResolvedCheck =
  | { readonly http: string }
  | { readonly tcp: string }
  | { readonly postgres: string }
  | { readonly exec: readonly string[] };

export interface PlannedFile {
  readonly path: string;
  /** A tree that still lacks its secrets, and becomes a text when it is placed. */
  readonly content: Content;
  readonly apply: FileSpec["apply"];
  readonly seed: boolean;
}

/** One process to be: plain data, the same on every machine but for the state folder's path. */
export interface InstancePlan {
  readonly instance: string;
  readonly service: ServiceName;
  readonly kind: "service" | "stateful" | "job";
  readonly version: string;
  readonly run: { readonly tool: string } | { readonly node: string; readonly options?: readonly string[] };
  /** Hash of the sources behind a `node` entry; "" for a tool. */
  readonly code: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly files: readonly PlannedFile[];
  /** Every secret that the instance reads, and those among them that it reads from a file. */
  readonly secrets: readonly string[];
  readonly secretFiles: readonly { readonly name: string; readonly path: string }[];
  readonly dirs: readonly string[];
  readonly ports: readonly { readonly name: string; readonly number: number; readonly protocol: "tcp" | "udp" }[];
  /** What a person opens. */
  readonly pages: readonly Omit<OpenPage, "service">[];
  readonly ready?: ResolvedCheck;
  readonly alive?: ResolvedCheck;
  readonly stop: { readonly signal: NodeJS.Signals; readonly graceSeconds: number };
  readonly verify: readonly { readonly tool: string; readonly args: readonly string[] }[];
}

export interface ServicePlan {
  readonly service: ServiceName;
  readonly instances: readonly InstancePlan[];
  /** Services that must be ready before this one starts. */
  readonly after: readonly ServiceName[];
}

export interface ProcessPlan {
  readonly root: string;
  readonly services: readonly ServicePlan[];
}

export interface ProcessContext {
  readonly root: string;
  readonly portOffset: number;
  readonly aliases: ReadonlyMap<ServiceName, ServiceName>;
  /** Hash of an entry's import graph and of the lockfile. */
  readonly codeHash: (entry: string) => string;
}

export function processBook(specs: readonly ServiceSpec[], context: ProcessContext): AddressBook {
  const paths = layout(context.root);
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  const find = (to: PortRef) => {
    const { service, port } = splitPort(to);
    const spec = byName.get(context.aliases.get(service) ?? service);
    return { spec, port, number: spec?.ports[port]?.number };
  };
  const endpoint = (number: number, ordinal: number): Endpoint => ({
    host: loopback,
    port: portOnMachine(number, ordinal, context.portOffset),
  });
  const endpoints = (to: PortRef): readonly Endpoint[] => {
    const { spec, number } = find(to);
    if (spec === undefined || number === undefined) return [];
    if (spec.external !== undefined) return [parseAddress(spec.external.address)];
    return replicasOf(spec).map(({ ordinal }) => endpoint(number, ordinal));
  };
  return {
    endpoints,
    discover: (to) => ({
      static_configs: endpoints(to).map((each, ordinal) => ({
        targets: [formatEndpoint(each)],
        labels: { instance: `${find(to).spec?.name}-${ordinal}` },
      })),
    }),
    listen: (replica, port) => endpoint(byName.get(replica.service)?.ports[port]?.number ?? 0, replica.ordinal),
    file: (replica, path) => paths.file(replica.instance, path),
    dir: (replica, volume) => paths.volume(replica.instance, volume),
    secretFile: (replica, name) => paths.secretFile(replica.instance, name),
    self: (replica, as) => (as === "name" ? replica.instance : loopback),
  };
}

/** Problems that can be seen before anything runs. */
export function validateProcess(
  specs: readonly ServiceSpec[],
  config: Pick<StackConfig, "portOffset">,
): readonly Problem[] {
  const problems: Problem[] = [...portProblems(specs, config.portOffset)];
  for (const spec of specs.filter(({ kind }) => kind !== "external")) {
    if (spec.artifact.tool === undefined && spec.artifact.node === undefined)
      problems.push({
        where: spec.name,
        what: "has neither a binary nor an entry of our own",
        remedy: "Give its artifact a tool or a node entry, or choose another platform.",
      });
  }
  return problems;
}

export function planProcesses(specs: readonly ServiceSpec[], book: AddressBook, context: ProcessContext): ProcessPlan {
  const running = specs.filter(({ kind }) => kind !== "external");
  return {
    root: context.root,
    services: running.map((spec) => ({
      service: spec.name,
      instances: replicasOf(spec).map((replica) => planInstance(spec, replica, book, context)),
      after: afterOf(spec, running, context.aliases),
    })),
  };
}

function planInstance(spec: ServiceSpec, replica: Replica, book: AddressBook, context: ProcessContext): InstancePlan {
  const paths = layout(context.root);
  const text = (value: Parameters<typeof resolveText>[0]) => resolveText(value, replica, book);
  const check = (each: Check): ResolvedCheck => {
    if ("exec" in each) return { exec: each.exec.map(text) };
    const address = (port: PortName) => formatEndpoint(book.listen(replica, port));
    if ("http" in each) return { http: `http://${address(each.http)}${each.path}` };
    return "tcp" in each ? { tcp: address(each.tcp) } : { postgres: address(each.postgres) };
  };
  const { node, tool } = spec.artifact;
  const options = nodeOptions(spec.artifact);
  return {
    instance: replica.instance,
    service: spec.name,
    kind: spec.kind === "external" ? "service" : spec.kind,
    version: spec.version,
    run: node === undefined ? { tool: tool ?? spec.name } : { node, ...(options.length === 0 ? {} : { options }) },
    code: node === undefined ? "" : context.codeHash(node),
    args: (spec.args ?? []).map(text),
    env: Object.fromEntries(Object.entries(spec.env ?? {}).map(([name, value]) => [name, text(value)])),
    files: Object.entries(spec.files ?? {}).map(([path, each]) => planFile(path as Path, each, replica, book)),
    secrets: secretsOf(spec),
    secretFiles: secretFilesOf(spec).map((name) => ({ name, path: paths.secretFile(replica.instance, name) })),
    dirs: [
      ...Object.keys(spec.volumes ?? {}).map((name) => paths.volume(replica.instance, name)),
      ...(spec.scratch ?? []).map((path) => paths.file(replica.instance, path)),
    ],
    ports: Object.entries(spec.ports).map(([name, { protocol }]) => ({
      name,
      number: book.listen(replica, name).port,
      protocol: protocol ?? "tcp",
    })),
    pages: Object.entries(spec.ports).flatMap(([name, { title, scheme = "http" }]) =>
      title === undefined
        ? []
        : [{ title, url: `${scheme}://${formatEndpoint(book.listen(replica, name))}${scheme === "http" ? "/" : ""}` }],
    ),
    ...(spec.ready === undefined ? {} : { ready: check(spec.ready) }),
    ...(spec.alive === undefined ? {} : { alive: check(spec.alive) }),
    stop: { signal: spec.stop?.signal ?? "SIGTERM", graceSeconds: spec.stop?.graceSeconds ?? 10 },
    verify: (spec.verify ?? []).map(({ tool: name, args }) => ({ tool: name, args: args.map(text) })),
  };
}

function planFile(path: Path, spec: FileSpec, replica: Replica, book: AddressBook): PlannedFile {
  return {
    path: book.file(replica, path),
    content: unrendered(spec, resolve(contentOf(spec), replica, book)),
    apply: spec.apply,
    seed: spec.seed ?? false,
  };
}
