// Stacks of the Docker platform that tests make plans of.
import type { ContainerPlan } from "../../components/platforms/docker/container.ts";
import { type DockerPlan, type PlanContext, planDocker } from "../../components/platforms/docker/plan.ts";
import { describe } from "../../components/stack.ts";
import { configFor, most, type Settings } from "./kubernetes-stacks.ts";

const { ingress: _, registry: __, ...rest } = most;
export const everything: Settings = { ...rest, platform: "docker" };

export const context: PlanContext = { digests: {}, ownCode: () => "c0de00c0de00" };

export const dockerConfig = (settings: Settings, secrets: readonly string[] = []) =>
  configFor({ platform: "docker", ...settings }, secrets);

export function makePlan(
  settings: Settings,
  secrets: readonly string[] = [],
  own: Partial<PlanContext> = {},
): DockerPlan {
  const config = dockerConfig(settings, secrets);
  const stack = describe(config, {
    services: [],
    has: (tool) => !(tool === "grafana" && config.grafana === "off"),
  });
  return planDocker(config, stack, { ...context, ...own });
}

export const containersOf = ({ services }: DockerPlan): readonly ContainerPlan[] =>
  services.flatMap(({ containers }) => containers);
