// The Kubernetes platform's pure side: what it adds to a stack, and the stack as objects of a cluster.
import { backups } from "../../services/backup.ts";
import { lockedDigests, ownCode } from "../images.ts";
import type { Planner } from "../platform.ts";
import { buildPlugins, kubernetesPlugin } from "../plugin.ts";
import { type KubernetesPlan, planKubernetes } from "./plan.ts";

export const planner: Planner<KubernetesPlan> = {
  // Every program comes as an image, so each can be had.
  surroundings: (config) => ({
    services: backups(config),
    has: (tool) => !(tool === "grafana" && config.grafana === "off"),
  }),
  plan: (config, stack) => planKubernetes(config, stack, { digests: lockedDigests(), ownCode }),
  plugins: ({ build }) => [kubernetesPlugin(), ...buildPlugins(build)],
};
