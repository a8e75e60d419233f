// What Pulumi knows of this stack's configuration, in the shape that `loadConfig` validates.
import type * as Pulumi from "@pulumi/pulumi";
import { withEnvironment } from "../config/secrets.ts";
import type { RawConfig } from "../config.ts";

const namespace = "vitals:";

/** Every key under `vitals:`; secrets by name only, their values stay with Pulumi. */
export function readPulumiConfig(pulumi: typeof Pulumi): RawConfig {
  const all = Object.entries(pulumi.runtime.allConfig()).filter(([key]) => key.startsWith(namespace));
  // The SDK has this function but leaves it out of its type declarations.
  const { isConfigSecret: isSecret } = pulumi.runtime as unknown as { isConfigSecret: (key: string) => boolean };
  return {
    environment: pulumi.getStack(),
    values: Object.fromEntries(
      all.filter(([key]) => !isSecret(key)).map(([key, value]) => [key.slice(namespace.length), value]),
    ),
    secretKeys: withEnvironment(all.filter(([key]) => isSecret(key)).map(([key]) => key.slice(namespace.length))),
  };
}
