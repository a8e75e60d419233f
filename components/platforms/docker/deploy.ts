// The Docker platform's thin half: the plan's objects as Pulumi resources on one engine.
import { createRequire } from "node:module";
import { join } from "node:path";
import type * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { ServiceName } from "../../spec.ts";
import type { Deploy } from "../deploy.ts";
import { buildImage } from "../image-build.ts";
import { checkout } from "../images.ts";
import { inOrder } from "../order.ts";
import { guarded, Provided, secretValue } from "../provided.ts";
import { valueIn } from "../revealed.ts";
import { fingerprintOf, type Secrets, secretsNamed } from "../secrets.ts";
import { containerArguments, networkArguments, volumeArguments } from "./arguments.ts";
import type { Engine } from "./client.ts";
import { labelOf } from "./container.ts";
import type { DockerPlan, ServicePlan } from "./plan.ts";
import { volumesOf } from "./volumes.ts";

const require = createRequire(import.meta.url);
/** Longer than a health check is patient, so that its own words are the ones that are told. */
const patience = { create: "20m", update: "5m", delete: "5m" } as const;

/** Registers the plan. Returns the pages that a person can open. */
export const deploy: Deploy<DockerPlan> = (config, plan, set) => {
  const sdk = require("@pulumi/docker") as typeof docker;
  const engine = engineOf();
  const home = join(checkout, ".vitals", config.environment, "files");
  const secrets = secretsNamed(
    plan.services.flatMap(({ containers }) => containers.flatMap((each) => each.secrets)),
    (name) => secretValue(name, "", config, set),
  );
  const guard = guarded(volumesOf(plan));
  const network = new sdk.Network("network", networkArguments(plan), { deleteBeforeReplace: true, dependsOn: [guard] });
  const volumes = plan.volumes.map(
    (volume) =>
      new sdk.Volume(volume.name.slice(plan.project.length + 1), volumeArguments(volume), {
        // What lies in it outlives the stack.
        retainOnDelete: true,
        dependsOn: [guard],
      }),
  );
  const built = plan.build === undefined ? [] : [buildImage(plan.build, config, set)];
  const images = new Map<string, docker.RemoteImage>();
  /** Once for each reference, under a name that no version changes. */
  const imageOf = (reference: string, service: ServiceName): docker.RemoteImage => {
    const known = images.get(reference);
    if (known !== undefined) return known;
    const own = reference === plan.ownImage;
    const image = new sdk.RemoteImage(
      own ? "vitals" : service,
      { name: reference, keepLocally: true, forceRemove: false },
      { dependsOn: own ? [guard, ...built] : [guard] },
    );
    images.set(reference, image);
    return image;
  };
  const ready = new Map<ServiceName, readonly pulumi.Resource[]>();
  for (const service of inOrder(plan.services)) {
    const parent = new pulumi.ComponentResource("vitals:docker:Service", service.service, {});
    const folder = join(home, service.service);
    const files = service.files.length === 0 ? [] : [filesOf(service, folder, plan, engine, secrets, [guard], parent)];
    const before = service.after.flatMap((name) => ready.get(name) ?? []);
    const own = service.containers.map((container) => {
      const running = new sdk.Container(
        container.instance,
        containerArguments(container, {
          image: imageOf(container.image, service.service).imageId,
          network: network.id,
          files: folder,
          secrets: container.secrets.length === 0 ? undefined : fingerprintOf(secrets, container.secrets),
        }),
        {
          parent,
          customTimeouts: patience,
          // Its name is taken until the one before is gone.
          deleteBeforeReplace: true,
          dependsOn: [...(container.volumes.length === 0 ? [] : volumes), ...files, ...before],
        },
      );
      return container.job
        ? new Provided("vitals:docker:Job", container.instance, { engine, container: running.id }, { parent })
        : running;
    });
    ready.set(service.service, own);
  }
  return plan.pages;
};

/** Which engine: as the provider is told, else as Docker's own client finds it. */
function engineOf(): Engine {
  const named = new pulumi.Config("docker");
  const [host, context] = [named.get("host"), named.get("context")];
  return { ...(host === undefined ? {} : { host }), ...(context === undefined ? {} : { context }) };
}

function filesOf(
  { service, files, containers }: ServicePlan,
  folder: string,
  { project }: DockerPlan,
  engine: Engine,
  { values, key }: Secrets,
  dependsOn: pulumi.Resource[],
  parent: pulumi.Resource,
): Provided {
  const [first] = containers;
  const names = first?.secrets ?? [];
  return new Provided(
    "vitals:docker:Files",
    service,
    {
      folder,
      files: JSON.stringify(files),
      // Whoever cannot give files away lets the container's group read them.
      ...(first === undefined || first.groups.length > 0 ? {} : { owner: first.user }),
      secrets: values.apply((all) => Object.fromEntries(names.map((name) => [name, valueIn(all, name)]))),
      key,
      engine,
      readers: { [labelOf("stack")]: project, [labelOf("service")]: service },
    },
    { parent, dependsOn },
  );
}
