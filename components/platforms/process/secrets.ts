// Files with their secrets filled in, right before they leave for the supervisor.
import { createHash } from "node:crypto";
import { finish } from "../content.ts";
import type { PlannedFile } from "./plan.ts";

/** Throws for a secret that was not handed over. */
export const finishText = (
  { content }: Pick<PlannedFile, "content">,
  secrets: Readonly<Record<string, string>>,
): string =>
  finish(content, ({ name, as }) => {
    const value = secrets[name];
    if (value === undefined) throw new Error(`the secret ${name} is missing`);
    return as === "sha256" ? createHash("sha256").update(value).digest("hex") : value;
  });
