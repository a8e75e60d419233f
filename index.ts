// What Pulumi runs: wakes our provider, then runs the program.
import { setImmediate as turn } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";

// An older language host installs ts-node although nothing here needs it (lean-sdk.cjs); its hook would map every stack trace
// that the SDK takes of a resource.
Reflect.deleteProperty(Error, "prepareStackTrace");

// The engine starts a provider at its first request. Made now, and sent before the program is read, ours starts meanwhile.
// Whatever goes wrong here, the first resource tells too.
void Promise.resolve(pulumi.runtime.invoke("vitals:index:wake", {})).catch(() => {});
for (const _ of ["made ready", "sent"]) await turn();

const { run } = await import("./program.ts");
export const urls = await run();
