// What a platform does with its plan once an engine is there.
import type * as pulumi from "@pulumi/pulumi";
import type { StackConfig } from "../config.ts";
import type { OpenPage } from "./platform.ts";

/** Registers the plan as resources. Returns the pages that a person can open. */
export type Deploy<Plan> = (config: StackConfig, plan: Plan, set: pulumi.Config) => readonly OpenPage[];
