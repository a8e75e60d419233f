// The volumes of a plan, as the plain data that changes are judged by.
import type { Volumes } from "../data-loss.ts";
import type { DockerPlan } from "./plan.ts";

/** Every volume by its name on the engine. None has a size or a class, and all stay when the stack goes. */
export const volumesOf = ({ project, volumes }: DockerPlan): Volumes =>
  Object.fromEntries(
    volumes.map(({ name, service, mount }) => [
      `volume ${name}`,
      { owner: service, place: `engine project ${project}`, asks: "", mount, kept: true },
    ]),
  );
