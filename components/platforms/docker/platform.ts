// The Docker platform's pure side: what it adds to a stack, and the stack as containers of one engine.
import { lockedDigests, ownCode } from "../images.ts";
import type { Planner } from "../platform.ts";
import { buildPlugins, dockerPlugin } from "../plugin.ts";
import { type DockerPlan, planDocker } from "./plan.ts";

export const planner: Planner<DockerPlan> = {
  // Every program comes as an image, so each can be had.
  surroundings: (config) => ({ services: [], has: (tool) => !(tool === "grafana" && config.grafana === "off") }),
  plan: (config, stack) => {
    const gid = process.getgid?.();
    return planDocker(config, stack, {
      digests: lockedDigests(),
      ownCode,
      ...(process.getuid?.() === 0 || gid === undefined ? {} : { group: gid }),
    });
  },
  plugins: ({ build }) => [dockerPlugin(), ...buildPlugins(build)],
};
