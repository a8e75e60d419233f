// Resources of our own provider, for every platform: passwords that nobody set, generated once; volumes that no change may lose.
import * as pulumi from "@pulumi/pulumi";
import { fromEnvironment } from "../config/secrets.ts";
import type { StackConfig } from "../config.ts";
import { stackError } from "../errors.ts";
import type { Volumes } from "./data-loss.ts";

/** A resource that its type alone names, without an SDK of its provider; the properties travel as they are. */
export class Provided extends pulumi.CustomResource {
  declare readonly value: pulumi.Output<string>;
  constructor(type: string, name: string, properties: pulumi.Inputs, options: pulumi.CustomResourceOptions) {
    super(type, name, properties, options);
  }
}

/**
 * The volumes that a stack keeps its data in, as a resource: a change of it that would lose data fails in every preview and
 * every update, unless a person has allowed it. All other resources come after it, so that nothing else is touched then.
 */
export const guarded = (volumes: Volumes): Provided => new Provided("vitals:index:Volumes", "volumes", { volumes }, {});

/** What a person has set, else what is generated once. */
export function secretValue(
  name: string,
  root: string,
  config: StackConfig,
  set: pulumi.Config,
  after: readonly pulumi.Resource[] = [],
): pulumi.Output<string> {
  if (config.secrets.includes(name)) {
    const given = set.getSecret(name) ?? pulumi.secret(fromEnvironment(name) ?? "");
    return given.apply((value) => notEmpty(name, value));
  }
  return new Provided(
    "vitals:index:Secret",
    name,
    { bytes: 24, root, value: undefined },
    { additionalSecretOutputs: ["value"], dependsOn: [...after] },
  ).value;
}

/** An empty password opens a door to everybody. */
function notEmpty(name: string, value: string): string {
  if (value.trim() !== "") return value;
  const { message } = stackError(
    `vitals:${name}`,
    "is an empty secret",
    `Set it: npx pulumi config set --secret vitals:${name}; or remove it, then one is generated.`,
  );
  throw new pulumi.RunError(message);
}
