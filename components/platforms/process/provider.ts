// Our Pulumi provider: Secret and Volumes for every platform; Supervisor, Configuration and Service for this one, where it is a
// thin client of the supervisor.
import { createHash, randomBytes } from "node:crypto";
import { flushCompileCache } from "node:module";
import { isDeepStrictEqual } from "node:util";
import pulumi from "@pulumi/pulumi/provider/index.js";
import { formatProblems } from "../../errors.ts";
import { losses, lossProblems, permissionVariable, type Volumes } from "../data-loss.ts";
import {
  call,
  checkPorts,
  endInstance,
  ensureSupervisor,
  findSupervisor,
  type PortClaim,
  type SupervisorSettings,
  shutDown,
  theSupervisor,
} from "./client.ts";
import { isUnknown, unknownValue, unwrap, wrap } from "./envelopes.ts";
import { layout } from "./layout.ts";
import type { InstancePlan } from "./plan.ts";
import { ailment } from "./records.ts";
import { keepSecret, keptSecret } from "./state-folder.ts";
import type { Draft } from "./verify.ts";

interface SecretInputs {
  readonly bytes: number;
  /** The state folder whose data the secret opens; "" where the data lies elsewhere and the engine's state alone keeps it. */
  readonly root: string;
}

interface SecretOutputs extends SecretInputs {
  readonly value: string;
}

interface VolumesInputs {
  readonly volumes: Volumes;
}

interface SupervisorInputs extends SupervisorSettings {
  readonly ports: readonly PortClaim[];
}

/** The stack as a whole, before any of its services is touched. */
interface ConfigurationInputs {
  readonly root: string;
  /** Every instance that belongs to the stack; others are ended. */
  readonly instances: readonly string[];
  /** What the programs' own checks have to say yes to, as JSON. */
  readonly drafts: string;
  readonly secrets: Readonly<Record<string, string>>;
}

/** What the engine keeps of it: the texts are in the services' own properties. */
interface CheckedConfiguration {
  readonly root: string;
  readonly digest: string;
}

interface ServiceInputs {
  readonly root: string;
  /** The instances as JSON: one property is compared and stored, not thousands. */
  readonly plan: string;
  readonly secrets: Readonly<Record<string, string>>;
}

type Json = Record<string, unknown>;

interface Kind {
  /** The inputs that the engine keeps and hands on, where they are not the program's, and what forbids a change, one text each. */
  readonly check?: (olds: never, news: never) => { readonly inputs?: Json; readonly failures?: readonly string[] };
  readonly diff: (
    olds: never,
    news: never,
    name: string,
  ) => { readonly changes: boolean; readonly replaces?: string[] };
  readonly create: (news: never, name: string) => Promise<Json>;
  readonly update: (news: never, olds: never, name: string) => Promise<Json>;
  readonly remove: (olds: never) => Promise<void>;
}

const secretKind: Kind = {
  diff: (olds: SecretOutputs, news: SecretInputs, name) => ({
    // A state folder that was removed has lost it, and the data that comes next will need it.
    changes: olds.bytes !== news.bytes || (news.root !== "" && keptSecret(news.root, name) !== olds.value),
    replaces: olds.bytes === news.bytes ? [] : ["bytes"],
  }),
  create: async ({ bytes, root }: SecretInputs, name) => ({
    bytes,
    root,
    value: wrap(keptSecret(root, name) ?? keepSecret(root, name, randomBytes(bytes).toString("base64url"))),
  }),
  update: async ({ bytes, root }: SecretInputs, { value }: SecretOutputs, name) => ({
    bytes,
    root,
    value: wrap(keepSecret(root, name, value)),
  }),
  remove: async () => {},
};

const volumesKind: Kind = {
  check: ({ volumes: before = {} }: Partial<VolumesInputs>, { volumes: after }: VolumesInputs) => ({
    failures: lossProblems(losses(before, after), process.env[permissionVariable]).map((problem) =>
      formatProblems([problem]),
    ),
  }),
  diff: (olds: VolumesInputs, news: VolumesInputs) => ({ changes: !isDeepStrictEqual(olds, news) }),
  create: async (news: VolumesInputs) => ({ ...news }),
  update: async (news: VolumesInputs) => ({ ...news }),
  remove: async () => {},
};

const supervisorKind: Kind = {
  diff: (olds: SupervisorInputs, news: SupervisorInputs) => ({
    changes: !isDeepStrictEqual(olds, news) || findSupervisor(news.root)?.code !== news.code,
    replaces: olds.root === news.root ? [] : ["root"],
  }),
  create: (news: SupervisorInputs) => supervise(news),
  update: (news: SupervisorInputs) => supervise(news),
  remove: async ({ root }: SupervisorInputs) => {
    const running = findSupervisor(root);
    if (running !== undefined) await shutDown(running);
  },
};

async function supervise(news: SupervisorInputs): Promise<Json> {
  // Before anything starts: a stack that cannot come up whole does not come up in part.
  checkPorts(news.root, news.ports);
  await ensureSupervisor(news);
  return { ...news };
}

/** Handed over by a check for the create or update that may follow in this process. */
const checked = new Map<string, ConfigurationInputs>();

const configurationKind: Kind = {
  check: (_olds: never, news: ConfigurationInputs) => {
    const { root, instances, drafts, secrets } = news;
    if (isUnknown(news)) return { inputs: { root, digest: unknownValue } };
    const parts = [root, instances, drafts, Object.entries(secrets).toSorted()];
    const digest = createHash("sha256").update(JSON.stringify(parts)).digest("hex");
    checked.set(digest, news);
    // Sealed: whoever reads a bare hash can try passwords on it.
    return { inputs: { root, digest: wrap(digest) } };
  },
  diff: (olds: CheckedConfiguration, news: CheckedConfiguration) => ({ changes: olds.digest !== news.digest }),
  create: (news: CheckedConfiguration) => configure(news),
  update: (news: CheckedConfiguration) => configure(news),
  remove: async () => {},
};

async function configure({ root, digest }: CheckedConfiguration): Promise<Json> {
  const news = checked.get(digest);
  if (news === undefined) throw new Error("this configuration was not checked by this process");
  const { verify } = await import("./verify.ts");
  await verify(root, JSON.parse(news.drafts) as readonly Draft[], news.secrets);
  // Only now: what is refused must not end anything either.
  await call(theSupervisor(root), "POST", "prune", { keep: news.instances });
  return { root, digest: wrap(digest) };
}

const serviceKind: Kind = {
  diff: (olds: ServiceInputs, news: ServiceInputs) => ({
    changes:
      isUnknown(news) ||
      !isDeepStrictEqual(olds, news) ||
      planned(news).some(({ instance }) => ailment(layout(news.root), instance) !== undefined),
  }),
  create: (news: ServiceInputs) => run(news),
  update: (news: ServiceInputs) => run(news),
  remove: async (olds: ServiceInputs) => {
    for (const { instance } of planned(olds)) await endInstance(olds.root, instance);
  },
};

async function run(news: ServiceInputs): Promise<Json> {
  // Loaded only when there is something to do: most runs of Pulumi only compare.
  const { deliver } = await import("./deliver.ts");
  await deliver(news.root, planned(news), news.secrets);
  const secrets = Object.entries(news.secrets).map(([name, value]) => [name, wrap(value)]);
  return { ...news, secrets: Object.fromEntries(secrets) };
}

const planned = ({ plan }: ServiceInputs): readonly InstancePlan[] => JSON.parse(plan) as readonly InstancePlan[];

const kinds: Readonly<Record<string, Kind>> = {
  "vitals:index:Secret": secretKind,
  "vitals:index:Volumes": volumesKind,
  "vitals:process:Supervisor": supervisorKind,
  "vitals:process:Configuration": configurationKind,
  "vitals:process:Service": serviceKind,
};

function kindOf(urn: string): Kind {
  const type = urn.split("::")[2]?.split("$").at(-1) ?? "";
  const kind = kinds[type];
  if (kind === undefined) throw new Error(`no resource has the type ${type}`);
  return kind;
}

const nameOf = (urn: string): string => urn.split("::").at(-1) ?? urn;
const plain = (value: unknown): never => unwrap(value) as never;

// A killed engine says no goodbye: without it there is nobody left to serve.
const engine = process.ppid;
setInterval(() => {
  if (process.ppid !== engine) process.exit(0);
}, 1_000).unref();

// The engine ends this process before it could leave its compiled code for the next one: types would be stripped every time.
setTimeout(flushCompileCache, 200).unref();

await pulumi.main(
  {
    version: "0.1.0",
    // Asked for nothing but to start this process early (index.ts).
    invoke: async () => ({ outputs: {} }),
    check: async (urn, olds, news) => {
      const { inputs = news, failures = [] } = kindOf(urn).check?.(plain(olds ?? {}), plain(news)) ?? {};
      return { inputs, failures: failures.map((reason) => ({ property: "", reason })) };
    },
    diff: async (_id, urn, olds, news) => kindOf(urn).diff(plain(olds), plain(news), nameOf(urn)),
    create: async (urn, inputs) => ({ id: nameOf(urn), outs: await kindOf(urn).create(plain(inputs), nameOf(urn)) }),
    update: async (_id, urn, olds, news) => ({
      outs: await kindOf(urn).update(plain(news), plain(olds), nameOf(urn)),
    }),
    delete: async (_id, urn, props) => kindOf(urn).remove(plain(props)),
  },
  process.argv.slice(2),
);
