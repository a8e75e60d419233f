// The Kubernetes platform's thin half: the plan's objects as Pulumi resources under one explicit provider.
import { createRequire } from "node:module";
import * as pulumi from "@pulumi/pulumi";
import type { ServiceName } from "../../spec.ts";
import type { Deploy } from "../deploy.ts";
import { buildImage } from "../image-build.ts";
import { inOrder } from "../order.ts";
import { guarded, secretValue } from "../provided.ts";
import { revealed } from "../revealed.ts";
import { fingerprintOf, type Secrets, secretsNamed } from "../secrets.ts";
import { type Planned, sharedPart } from "./manifest.ts";
import type { KubernetesPlan } from "./plan.ts";
import { finishManifest } from "./text.ts";
import { volumesOf } from "./volumes.ts";

type ResourceClass = new (
  name: string,
  args: pulumi.Inputs,
  options: pulumi.CustomResourceOptions,
) => pulumi.CustomResource;
type Group = Readonly<Record<string, ResourceClass>>;

/** What we use of the SDK. Its own types are 6 MB of declarations, which every type check would read for these few lines. */
interface Sdk {
  readonly Provider: new (
    name: string,
    args: pulumi.Inputs,
    options?: pulumi.ResourceOptions,
  ) => pulumi.ProviderResource;
  readonly core: { readonly v1: Group };
  readonly apps: { readonly v1: Group };
  readonly batch: { readonly v1: Group };
  readonly networking: { readonly v1: Group };
  readonly policy: { readonly v1: Group };
  readonly rbac: { readonly v1: Group };
  readonly scheduling: { readonly v1: Group };
}

const require = createRequire(import.meta.url);
/** Ten minutes to become ready; a pod that is refused never does, and the reason is in its owner's events. */
const patience = { create: "10m", update: "10m", delete: "5m" } as const;
/** These are waited for; the other kinds are there as soon as they are accepted. */
const workloads = ["StatefulSet", "Deployment", "Job"];

/** Registers the plan. Returns the pages that a person can open. */
export const deploy: Deploy<KubernetesPlan> = (config, plan, set) => {
  const sdk = require("@pulumi/kubernetes") as Sdk;
  const provider = new sdk.Provider("cluster", providerSettings());
  const secrets = secretsNamed(
    plan.objects.flatMap(({ restartsFor = [] }) => restartsFor),
    (name) => secretValue(name, "", config, set),
  );
  const built = plan.build === undefined ? [] : [buildImage(plan.build, config, set)];
  const parts = Map.groupBy(plan.objects, ({ part }) => part);
  const ready = new Map<ServiceName, pulumi.Resource[]>();
  const guard = guarded(volumesOf(plan.objects.map(({ manifest }) => manifest)));
  const common = (parts.get(sharedPart) ?? []).map((planned) =>
    register(sdk, planned, secrets, { provider, dependsOn: [guard] }),
  );
  const services = [...parts.keys()]
    .filter((part) => part !== sharedPart)
    .map((service) => ({ service, after: plan.after[service] ?? [] }));
  for (const { service, after } of inOrder(services)) {
    const before = after.flatMap((name) => ready.get(name) ?? []);
    const parent = new pulumi.ComponentResource("vitals:kubernetes:Service", service, {}, { provider });
    const around: pulumi.Resource[] = [];
    const own: pulumi.Resource[] = [];
    for (const planned of parts.get(service) ?? []) {
      const runs = workloads.includes(planned.manifest.kind);
      const image = plan.build?.services.includes(service) === true ? built : [];
      const dependsOn = runs ? [...common, ...before, ...around, ...image] : common;
      const resource = register(sdk, planned, secrets, { provider, parent, dependsOn });
      (runs ? own : around).push(resource);
    }
    ready.set(service, own);
  }
  return plan.pages;
};

/** The kubeconfig and context that the person uses, unless the stack names others; objects change in place where they can. */
function providerSettings(): pulumi.Inputs {
  const named = new pulumi.Config("kubernetes");
  const [kubeconfig, context] = [named.getSecret("kubeconfig"), named.get("context")];
  return {
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
    enableServerSideApply: true,
    enableConfigMapMutable: true,
    enableSecretMutable: true,
  };
}

function register(
  sdk: Sdk,
  planned: Planned,
  secrets: Secrets,
  options: pulumi.CustomResourceOptions,
): pulumi.CustomResource {
  const { apiVersion, kind } = planned.manifest;
  const Resource = groupOf(sdk, apiVersion)[kind];
  if (Resource === undefined) throw new Error(`the SDK has no ${kind} in ${apiVersion}`);
  return new Resource(planned.token, finished(planned, secrets), {
    ...options,
    ...(workloads.includes(kind) ? { customTimeouts: patience } : {}),
    // Every volume claim goes with its namespace, so that stays when the stack goes.
    ...(["Namespace", "PersistentVolumeClaim"].includes(kind) ? { retainOnDelete: true } : {}),
  });
}

/** Plain where no secret is involved: an input that is known at once is one that a preview can show. */
function finished(planned: Planned, secrets: Secrets): pulumi.Inputs {
  if (planned.secretData !== undefined) {
    const { values, key } = secrets;
    const whole = pulumi
      .all([values, key])
      .apply(([all, saltKey]) => finishManifest(planned, revealed(all, saltKey), () => ""));
    return { ...planned.manifest, stringData: whole.apply((manifest) => manifest.stringData) } as pulumi.Inputs;
  }
  const names = planned.restartsFor ?? [];
  if (names.length === 0) return planned.manifest as pulumi.Inputs;
  return finishManifest(
    planned,
    revealed({}, ""),
    () => fingerprintOf(secrets, names) as unknown as string,
  ) as pulumi.Inputs;
}

function groupOf(sdk: Sdk, apiVersion: string): Group {
  const groups: Readonly<Record<string, Group>> = {
    v1: sdk.core.v1,
    "apps/v1": sdk.apps.v1,
    "batch/v1": sdk.batch.v1,
    "networking.k8s.io/v1": sdk.networking.v1,
    "policy/v1": sdk.policy.v1,
    "rbac.authorization.k8s.io/v1": sdk.rbac.v1,
    "scheduling.k8s.io/v1": sdk.scheduling.v1,
  };
  const group = groups[apiVersion];
  if (group === undefined) throw new Error(`no group of the SDK is known for ${apiVersion}`);
  return group;
}
