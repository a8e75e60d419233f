// Runs a platform's thin half under Pulumi's mocks: everything that it registers, with what it is given and under which URNs.
import * as pulumi from "@pulumi/pulumi";

export interface Registered {
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** As the engine will know it: `urn:pulumi:test::vitals::<types of its parents>$<type>::<name>`. */
  readonly urn: string;
  /** URNs that it may have in a state of before: its own aliases, and what those of its parent make of it. */
  readonly aliases: readonly string[];
  /** Whether it stays where it is when the stack no longer has it. */
  readonly retained: boolean;
}

/** `secrets`: those of the configuration. `generated` stands for what the stack's state holds. */
export async function registering(
  secrets: Readonly<Record<string, string>>,
  generated: string,
  register: (set: pulumi.Config) => Promise<void>,
): Promise<readonly Registered[]> {
  const registered: Registered[] = [];
  const given: { readonly type: string; readonly name: string; readonly inputs: Registered["inputs"] }[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs, id }) => {
        given.push({ type, name, inputs });
        const made = {
          "vitals:index:Secret": { value: `${generated}-${name}` },
          "docker:index/remoteImage:RemoteImage": { imageId: `sha256:${name}` },
        };
        return {
          id: id === undefined || id === "" ? `${name}-id` : id,
          state: { ...inputs, ...made[type as keyof typeof made] },
        };
      },
      call: ({ inputs }) => inputs,
    },
    "vitals",
    "test",
    false,
  );
  // The mocks are told neither parents nor aliases; the monitor that asks them is.
  const monitor = pulumi.runtime.getMonitor() as unknown as Monitor;
  const answer = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) => {
    const own: Named = { type: request.getType(), name: request.getName(), parent: request.getParent() };
    const urn = urnOf(own);
    const above = registered.filter((each) => each.urn === own.parent);
    registered.push({
      ...{ type: own.type, name: own.name, urn },
      get inputs() {
        return given.find(({ type, name }) => type === own.type && name === own.name)?.inputs ?? {};
      },
      aliases: [
        ...request.getAliasesList().map((alias) => aliasOf(alias, own)),
        ...above.flatMap((each) =>
          each.aliases.map((parent) => urnOf({ ...own, parent, name: renamed(own.name, each, parent) })),
        ),
      ],
      retained: request.getRetainondelete(),
    });
    return answer(request, callback);
  };
  pulumi.runtime.setAllConfig(
    Object.fromEntries(Object.entries(secrets).map(([name, value]) => [`vitals:${name}`, value])),
    Object.keys(secrets).map((name) => `vitals:${name}`),
  );
  await register(new pulumi.Config("vitals"));
  // Resolves when every registration under way has been answered.
  await pulumi.runtime.disconnect();
  return registered;
}

interface Named {
  readonly type: string;
  readonly name: string;
  /** A URN; "" for a resource of the stack itself. */
  readonly parent: string;
}

/** What we use of the SDK's requests. */
interface Monitor {
  registerResource(request: Request, callback: unknown): unknown;
}
interface Request {
  getType(): string;
  getName(): string;
  getParent(): string;
  getAliasesList(): readonly Alias[];
  getRetainondelete(): boolean;
}
interface Alias {
  getUrn(): string;
  getSpec():
    | undefined
    | { toObject(): Readonly<Record<"name" | "type" | "parenturn", string>> & { noparent: boolean } };
}

const urnOf = ({ type, name, parent }: Named): string =>
  `${parent === "" ? "urn:pulumi:test::vitals::" : `${parent.slice(0, parent.lastIndexOf("::"))}$`}${type}::${name}`;

/** What an alias does not say is as it is now. */
function aliasOf(alias: Alias, own: Named): string {
  const spec = alias.getSpec()?.toObject();
  if (spec === undefined) return alias.getUrn();
  return urnOf({
    type: spec.type || own.type,
    name: spec.name || own.name,
    parent: spec.noparent ? "" : spec.parenturn || own.parent,
  });
}

/** A child whose name begins with its parent's has had the parent's former name in its own. */
const renamed = (name: string, { name: now }: Registered, parent: string): string =>
  name.startsWith(now) ? `${parent.slice(parent.lastIndexOf("::") + 2)}${name.slice(now.length)}` : name;

/** Without the engine's envelope around a secret. */
export const unwrapped = (value: unknown): unknown =>
  typeof value === "object" && value !== null && "value" in value && Object.keys(value).length === 2
    ? value.value
    : value;
