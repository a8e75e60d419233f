// The whole program: config -> services -> plan -> resources.
import * as pulumi from "@pulumi/pulumi";
import { loadConfig } from "./components/config.ts";
import { StackError } from "./components/errors.ts";
import { deploy, planStack, surroundings } from "./components/platforms/process/index.ts";
import { readPulumiConfig } from "./components/platforms/pulumi-config.ts";
import { describe } from "./components/stack.ts";

function program(): Record<string, string> {
  const config = loadConfig(readPulumiConfig(pulumi));
  const stack = describe(config, surroundings(config));
  const pages = deploy(config, planStack(config, stack), new pulumi.Config("vitals"));
  return Object.fromEntries(pages.map(({ service, url }) => [service, url]));
}

/** What a person is meant to read comes without a stack trace. */
function run(): Record<string, string> {
  try {
    return program();
  } catch (error) {
    if (error instanceof StackError) throw new pulumi.RunError(error.message);
    throw error;
  }
}

export const urls = run();
