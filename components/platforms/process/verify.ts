// Puts configurations to the programs' own checks, all at once, on copies and before any service is touched.
import { execFile } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { resolveTool } from "../../../tools/resolve.ts";
import { messageOf, type Problem, StackError } from "../../errors.ts";
import { finishedFiles } from "./files.ts";
import { layout } from "./layout.ts";
import { hideIn } from "./logs.ts";
import type { InstancePlan } from "./plan.ts";
import { diskFull } from "./state-folder.ts";

/** What the check of an instance's configuration needs of its plan. */
export type Draft = Pick<InstancePlan, "instance" | "version" | "files" | "secretFiles" | "verify">;

const run = promisify(execFile);
const timeout = 30_000;
const mostLines = 40;

/** Throws one StackError with every refusal, each in the program's own words. */
export async function verify(
  root: string,
  drafts: readonly Draft[],
  secrets: Readonly<Record<string, string>>,
): Promise<void> {
  const problems = await Promise.all(drafts.map((draft) => refusals(root, draft, secrets)));
  if (problems.flat().length > 0) throw new StackError(problems.flat());
}

async function refusals(
  root: string,
  draft: Draft,
  secrets: Readonly<Record<string, string>>,
): Promise<readonly Problem[]> {
  const { instance } = draft;
  const [real, stage] = [layout(root).filesDir(instance), layout(root).stageDir(instance)];
  // Paths inside a file lead to its neighbours: those have to be the new ones as well.
  const staged = (text: string) => text.replaceAll(real, stage);
  const ask = async ({ tool, args }: Draft["verify"][number]): Promise<readonly Problem[]> => {
    try {
      await run(resolveTool(tool).path, args.map(staged), { timeout, maxBuffer: 4 << 20 });
      return [];
    } catch (error) {
      if (error instanceof StackError) return error.problems;
      const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
      const said = whatIsWrong(`${stdout}\n${stderr}`.replaceAll(stage, "")).slice(-mostLines).join("\n  ");
      return [
        {
          where: instance,
          what: `${tool} refuses the new configuration:\n  ${hideIn(said || messageOf(error), Object.values(secrets))}`,
          remedy: "Correct the configuration; what runs keeps running on the old one.",
        },
      ];
    }
  };
  rmSync(stage, { recursive: true, force: true });
  try {
    for (const { path, text } of finishedFiles(root, draft, secrets)) {
      mkdirSync(dirname(staged(path)), { recursive: true, mode: 0o700 });
      writeFileSync(staged(path), staged(text), { mode: 0o600 });
    }
    return (await Promise.all(draft.verify.map(ask))).flat();
  } catch (error) {
    // One disk for all of them: told once.
    throw (error as NodeJS.ErrnoException).code === "ENOSPC" ? diskFull(root, error) : error;
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

/** promtool also tells which file it looks at and what it accepts. */
export const whatIsWrong = (said: string): readonly string[] =>
  said
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "" && !/^\s*SUCCESS: |^Checking \S+$/.test(line));
