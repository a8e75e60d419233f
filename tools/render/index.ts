// Platforms whose plan can be handed to other tools than Pulumi, each loaded when it is asked for.
import type { Reading, StackConfig } from "../../components/config.ts";

export interface Rendered {
  /** What is printed. */
  readonly text: string;
  /**
   * Writes all of it into a folder, which may hold an earlier release. `permission`: what allows the loss of data.
   * Resolves with what a person is told.
   */
  readonly write: (folder: string, permission: string | undefined) => Promise<string>;
}

/** Throws a StackError with every problem of the configuration. */
export type Render = (reading: Reading) => Rendered;

export const renderers: Partial<Record<StackConfig["platform"], () => Promise<Render>>> = {
  docker: async () => (await import("./docker.ts")).render,
  kubernetes: async () => (await import("./kubernetes.ts")).render,
};
