// The configuration file of integration-health: what is probed, by what it knows that it is online itself, and who may read.
import { z } from "zod";
import { anchorsShape, integrationShape } from "../../components/config/integrations.ts";
import { address } from "../../components/config/scalars.ts";
import { accessShape } from "../access.ts";
import { backendShape } from "./backend.ts";

const integration = integrationShape({ credentialFile: z.string().min(1).optional() });

export const healthConfig = z.strictObject({
  integrations: z.array(integration).superRefine((entries, context) => {
    const names = entries.map(({ name }) => name);
    for (const [index, name] of names.entries())
      if (names.indexOf(name) !== index)
        context.addIssue({ code: "custom", path: [index, "name"], message: "is taken by an earlier entry" });
  }),
  anchors: anchorsShape.optional().transform((anchors) => anchors ?? []),
  /** What leads to the internet, where nothing else does. Without it, and whatever the environment says, everything is asked directly. */
  proxy: z.strictObject({ address, credentialFile: z.string().min(1).optional() }).optional(),
  /** A folder that outlives the process; without one the past is forgotten with it. */
  data: z.string().min(1).optional(),
  access: accessShape.prefault({}),
  prometheus: backendShape.optional(),
  alertmanager: backendShape.optional(),
});

export type HealthConfig = z.infer<typeof healthConfig>;
export type IntegrationTarget = HealthConfig["integrations"][number];
export type ProbeKind = IntegrationTarget["probe"];
/** The entry of one probe kind. */
export type TargetOf<K extends ProbeKind> = Extract<IntegrationTarget, { readonly probe: K }>;

/** `host:port` as its parts. */
export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, "$1"), port: Number(address.slice(colon + 1)) };
}
