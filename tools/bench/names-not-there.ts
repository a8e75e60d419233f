// The names of other exporters that db-stats does not give, as its docs list them with the reason.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { codeRoot } from "../../components/platforms/process/checkout.ts";

export interface Absent {
  /** As it stands there: a name, or a pattern with `*`. */
  readonly written: string;
  readonly matches: (name: string) => boolean;
}

/** Those of settings are not among them: some are there. */
export async function namesNotThere(): Promise<readonly Absent[]> {
  const text = await readFile(join(codeRoot, "docs/db-stats.md"), "utf8");
  const [, table = ""] = /\| their names that are not there \| why \|\n\|---\|---\|\n((?:\|.*\n)+)/.exec(text) ?? [];
  return table
    .split("\n")
    .flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`([a-z_*]+)`/g)].map(([, written = ""]) => written))
    .filter((written) => written !== "pg_settings_*")
    .map((written) => {
      const pattern = new RegExp(`^${written.replaceAll("*", "\\w*")}$`);
      return { written, matches: (name) => pattern.test(name) };
    });
}
