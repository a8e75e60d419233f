// A trial of a stack with the real plugin: up, a second up, a change, destroy. Whatever happens, what it made is gone afterwards.
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { stackError } from "../../components/errors.ts";
import { codeRoot } from "../../components/platforms/process/checkout.ts";
import { type Apart, knownApart, type Listening, type Settings, stackApart } from "../stack/apart.ts";
import type { Target } from "./targets.ts";

interface Resource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs?: unknown;
  readonly retainOnDelete?: boolean;
}

interface State {
  readonly deployment: {
    readonly resources?: readonly Resource[];
    readonly pending_operations?: readonly unknown[];
  };
}

export interface Step {
  readonly name: string;
  readonly seconds: number;
}

/** Where the state of trials lies until they are over. */
export const trialsFolder = join(codeRoot, ".vitals/trials");

const quickly = ["--yes", "--skip-preview", "--suppress-outputs", "--color", "never"] as const;

/** Resolves with what it took; rejects with the first thing that is not as it has to be, after the cleaning up. */
export async function trial(target: Target, given: Settings, listening: Listening): Promise<readonly Step[]> {
  const stack = `trial-${randomBytes(3).toString("hex")}`;
  const folder = join(trialsFolder, stack);
  const steps: Step[] = [];
  const step = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    listening.onText?.(`\n=== ${target.platform} ${stack}: ${name}\n`);
    const from = performance.now();
    const result = await work();
    steps.push({ name, seconds: (performance.now() - from) / 1_000 });
    return result;
  };
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  let made = false;
  try {
    const settings = { ...target.usual, ...given, "vitals:platform": target.platform, ...target.own(stack) };
    const apart = await stackApart(folder, stack, settings, {}, listening);
    made = true;
    await step("up", () => apart.pulumi("up", ...quickly));
    const before = await stateOf(apart);
    await step("up again, nothing to do", () => apart.pulumi("up", ...quickly, "--expect-no-changes"));
    apart.set(target.change);
    await step("up with a change", () => apart.pulumi("up", ...quickly));
    const touched = difference(before, await stateOf(apart));
    if (!isDeepStrictEqual(touched, target.touches))
      throw stackError(
        `${target.platform} ${stack}`,
        `the change of ${Object.keys(target.change).join(", ")} touched ${touched.join(", ") || "nothing"}`,
        `It has to touch ${target.touches.join(", ")}.`,
      );
  } finally {
    // Also where it was interrupted: that signal has had its say.
    const { signal: _, ...rest } = listening;
    await step("destroy", () => remove(target, stack, made ? knownApart(folder, stack, {}, rest) : undefined));
  }
  return steps;
}

/** The trials of this checkout that were cut off before they had cleaned up. */
export const leftTrials = (): readonly string[] => {
  try {
    return readdirSync(trialsFolder).toSorted();
  } catch {
    return [];
  }
};

/** Removes everything that a trial has made: also what a destroy would keep, because there is data in it. */
export async function removeTrial(targets: readonly Target[], stack: string, listening: Listening): Promise<void> {
  const apart = knownApart(join(trialsFolder, stack), stack, {}, listening);
  // Of a Pulumi that was killed; nobody else works on a trial.
  await apart.pulumi("cancel", "--yes").catch(() => {});
  await remove({ kept: targets.flatMap(({ kept }) => kept) }, stack, apart);
}

async function remove({ kept }: Pick<Target, "kept">, stack: string, apart: Apart | undefined): Promise<void> {
  if (apart !== undefined) {
    const { deployment, ...rest } = await exported(apart);
    const { resources = [], pending_operations: _, ...more } = deployment;
    const freed = resources.map((each) => (kept.includes(each.type) ? { ...each, retainOnDelete: false } : each));
    await apart.restore(JSON.stringify({ ...rest, deployment: { ...more, resources: freed } }));
    await apart.pulumi("destroy", "--yes", "--skip-preview", "--color", "never");
    await apart.pulumi("stack", "rm", "--yes");
  }
  for (const path of [join(trialsFolder, stack), join(codeRoot, ".vitals", stack)])
    rmSync(path, { recursive: true, force: true });
}

const exported = async ({ state }: Apart): Promise<State> => JSON.parse(await state()) as State;

/** What each resource is and was asked to be, by URN. */
const stateOf = async (apart: Apart): Promise<ReadonlyMap<string, unknown>> => {
  const { resources = [] } = (await exported(apart)).deployment;
  const made = resources.filter(({ type }) => !type.startsWith("pulumi:"));
  return new Map(made.map(({ urn, id, inputs }) => [urn, [id, inputs]] as const));
};

/** `StatefulSet prometheus` for each resource that another one took the place of, that has changed, is new or gone. */
function difference(before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>): readonly string[] {
  const urns = [...new Set([...before.keys(), ...after.keys()])];
  return urns
    .filter((urn) => !isDeepStrictEqual(before.get(urn), after.get(urn)))
    .map((urn) => /:(\w+)::([^:]+)$/.exec(urn)?.slice(1).join(" ") ?? urn)
    .toSorted();
}
