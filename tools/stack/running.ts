// What runs of a stack on this machine, read from its run files and the process table. Starts nothing and takes no lock.
import { readFileSync } from "node:fs";
import { stackError } from "../../components/errors.ts";
import { refuseForeignState, stateRoot } from "../../components/platforms/process/checkout.ts";
import { findSupervisor } from "../../components/platforms/process/client.ts";
import { statusOf } from "../../components/platforms/process/instance.ts";
import { layout } from "../../components/platforms/process/layout.ts";
import type { SupervisorRecord } from "../../components/platforms/process/main.ts";
import type { InstanceStatus } from "../../components/platforms/process/protocol.ts";
import { ailment, readRecords } from "../../components/platforms/process/records.ts";
import { passwordOf, webUser } from "../../components/services/login.ts";

export interface Running extends InstanceStatus {
  readonly pages: readonly { readonly title: string; readonly url: string }[];
  /** `127.0.0.1:9090` by port name. */
  readonly ports: Readonly<Record<string, string>>;
  /** Its secrets that lie in a file each. */
  readonly secretFiles: readonly { readonly name: string; readonly path: string }[];
  readonly ready: boolean;
  /** What is wrong with it. */
  readonly ailment?: string;
  readonly tool?: string;
}

export interface RunningStack {
  readonly stack: string;
  readonly root: string;
  readonly supervisor?: SupervisorRecord;
  readonly instances: readonly Running[];
}

export function runningStack(stack: string): RunningStack {
  refuseForeignState();
  const root = stateRoot(stack);
  const paths = layout(root);
  const supervisor = findSupervisor(root);
  const instances = readRecords(paths).map((record) => {
    const { plan } = record.order;
    const wrong = ailment(paths, plan.instance);
    return {
      ...statusOf(record),
      pages: plan.pages,
      ports: Object.fromEntries(plan.ports.map(({ name, number }) => [name, `127.0.0.1:${number}`])),
      secretFiles: plan.secretFiles,
      ready: wrong === undefined && (record.state === "ready" || record.state === "completed"),
      ...(wrong === undefined ? {} : { ailment: wrong }),
      ...("tool" in plan.run ? { tool: plan.run.tool } : {}),
    };
  });
  return { stack, root, instances, ...(supervisor === undefined ? {} : { supervisor }) };
}

/** The supervisor of a stack that has to run. */
export function needSupervisor({ stack, supervisor, instances }: RunningStack): SupervisorRecord {
  if (supervisor !== undefined) return supervisor;
  const remedy = stack === "dev" ? "npm start" : `npm start -- --stack ${stack}`;
  const left = instances.filter(({ pid }) => pid !== undefined).length;
  throw left > 0
    ? stackError(
        stack,
        `its supervisor has died, while ${left} of its processes run on`,
        `Bring it back, they stay as they are: ${remedy}.`,
      )
    : stackError(stack, "is not running on this machine", `Start it: ${remedy}.`);
}

/** The URL of a service's port. */
export function urlIn(running: RunningStack, service: string, port: string): string {
  const address = running.instances.find((each) => each.service === service)?.ports[port];
  if (address === undefined)
    throw stackError(running.stack, `has no ${service}`, "Run npm run status to see what runs.");
  return `http://${address}`;
}

/** The headers that open the pages of a service which asks for its password; none for one that asks nobody. */
export function loginTo(running: RunningStack, service: string): Readonly<Record<string, string>> {
  const found = running.instances
    .find((each) => each.service === service)
    ?.secretFiles.find(({ name }) => name === passwordOf(service));
  return found === undefined ? {} : basicLogin(readFileSync(found.path, "utf8"));
}

export const basicLogin = (password: string): Readonly<Record<string, string>> => ({
  authorization: `Basic ${Buffer.from(`${webUser}:${password.trim()}`).toString("base64")}`,
});
