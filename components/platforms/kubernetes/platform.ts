// The Kubernetes platform's pure side: what it adds to a stack, and the stack as objects of a cluster.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { codeHash } from "../../code-hash.ts";
import { stackError } from "../../errors.ts";
import type { Planner } from "../platform.ts";
import { type KubernetesPlan, planKubernetes } from "./plan.ts";

const checkout = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");

export const planner: Planner<KubernetesPlan> = {
  // Every program comes as an image, so each can be had.
  surroundings: (config) => ({ services: [], has: (tool) => !(tool === "grafana" && config.grafana === "off") }),
  plan: (config, stack) =>
    planKubernetes(config, stack, { digests: lockedDigests(), codeHash: (entry) => codeHash(checkout, entry) }),
};

/** Image reference -> digest, as `npm run tools -- --pin-images` has resolved them; without it, tags alone. */
function lockedDigests(path: string = join(checkout, "images.lock.json")): Readonly<Record<string, string>> {
  if (!existsSync(path)) return {};
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Record<string, string>;
  } catch (error) {
    throw stackError(
      path,
      "is not JSON",
      "Remove it and resolve the digests anew: npm run tools -- --pin-images.",
      error,
    );
  }
}
