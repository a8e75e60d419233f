// The whole program: config -> services -> plan -> resources.
import * as pulumi from "@pulumi/pulumi";
import { routingNotice } from "./alerts/routing.ts";
import { StackError } from "./components/errors.ts";
import { planStack } from "./components/platforms/index.ts";
import { readPulumiConfig } from "./components/platforms/pulumi-config.ts";

async function program(): Promise<Record<string, string>> {
  const { config, plan, deploy, notices } = await planStack(readPulumiConfig(pulumi));
  // Before anything is registered: the first resource that cannot be ends the program.
  for (const notice of [...notices, routingNotice(config) ?? []].flat()) await pulumi.log.warn(notice);
  const pages = deploy(config, plan, new pulumi.Config("vitals"));
  return Object.fromEntries(pages.map(({ service, url }) => [service, url]));
}

/** What a person is meant to read comes without a stack trace. */
export async function run(): Promise<Record<string, string>> {
  try {
    return await program();
  } catch (error) {
    if (error instanceof StackError) throw new pulumi.RunError(error.message);
    throw error;
  }
}
