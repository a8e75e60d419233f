// Runs a platform's thin half under Pulumi's mocks: everything that it registers, with what it is given.
import * as pulumi from "@pulumi/pulumi";

export interface Registered {
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}

/** `secrets`: those of the configuration. `generated` stands for what the stack's state holds. */
export async function registering(
  secrets: Readonly<Record<string, string>>,
  generated: string,
  register: (set: pulumi.Config) => Promise<void>,
): Promise<readonly Registered[]> {
  const registered: Registered[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs, id }) => {
        registered.push({ type, name, inputs });
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
  pulumi.runtime.setAllConfig(
    Object.fromEntries(Object.entries(secrets).map(([name, value]) => [`vitals:${name}`, value])),
    Object.keys(secrets).map((name) => `vitals:${name}`),
  );
  await register(new pulumi.Config("vitals"));
  // Resolves when every registration under way has been answered.
  await pulumi.runtime.disconnect();
  return registered;
}

/** Without the engine's envelope around a secret. */
export const unwrapped = (value: unknown): unknown =>
  typeof value === "object" && value !== null && "value" in value && Object.keys(value).length === 2
    ? value.value
    : value;
