// Puts Pulumi where npm's `pulumi` launcher looks first, so that `npx pulumi` works without a download.
import { existsSync, lstatSync, mkdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../components/errors.ts";
import { versions } from "../components/versions.ts";
import { findTool } from "./resolve.ts";

const binaries = ["pulumi", "pulumi-language-nodejs"] as const;

/** Where npm's launcher looks first. */
export const pulumiBin = (env: NodeJS.ProcessEnv = process.env): string =>
  join(env.PULUMI_HOME || join(env.HOME || homedir(), ".pulumi"), "versions", versions.pulumi.version, "bin");

/** Links from `$PULUMI_HOME/versions/<version>/bin`. Files that are not links of ours stay as they are. */
export function linkPulumi(dir: string, say: (text: string) => void, env: NodeJS.ProcessEnv = process.env): void {
  const bin = pulumiBin(env);
  try {
    for (const name of binaries) {
      const target = findTool(name, dir)?.path;
      if (target === undefined) continue;
      const link = join(bin, name);
      const stat = lstatSync(link, { throwIfNoEntry: false });
      if (stat !== undefined && !stat.isSymbolicLink()) continue;
      if (stat?.isSymbolicLink() && readlinkSync(link) === target && existsSync(link)) continue;
      mkdirSync(bin, { recursive: true });
      rmSync(link, { force: true });
      symlinkSync(target, link);
    }
  } catch (error) {
    say(`cannot be linked into ${bin} (${messageOf(error)}): "npx pulumi" will try a download, "npm run pulumi" works`);
  }
}
