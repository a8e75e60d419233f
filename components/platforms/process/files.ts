// An instance's files with their secrets filled in, right before they are verified or leave for the supervisor.
import { finish } from "../content.ts";
import { revealed, valueIn } from "../revealed.ts";
import type { InstancePlan } from "./plan.ts";
import type { FinishedFile } from "./protocol.ts";
import { stackKey } from "./staging.ts";

/** Those of its plan, and one for each secret that it reads from a file. Throws for a secret that was not handed over. */
export function finishedFiles(
  root: string,
  { files, secretFiles }: Pick<InstancePlan, "files" | "secretFiles">,
  secrets: Readonly<Record<string, string>>,
): readonly FinishedFile[] {
  const reveal = revealed(secrets, stackKey(root));
  return [
    ...files.map(({ path, content, apply, seed }) => ({ path, text: finish(content, reveal), apply, seed })),
    ...secretFiles.map(({ name, path }) => ({
      path,
      text: valueIn(secrets, name),
      apply: "restart" as const,
      seed: false,
    })),
  ];
}
