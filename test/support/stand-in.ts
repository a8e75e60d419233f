// A stack of a fresh checkout through the real Pulumi engine, with providers of ours in place of the plugins that are downloads.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { expect } from "vitest";
import { findTool } from "../../tools/resolve.ts";
import type { Checkout, Ran, Settings } from "./checkout.ts";

/** Takes the place of the plugins. */
const folder = "tools/bench/stand-in";

const missing = ["pulumi", "pulumi-language-nodejs"].filter((tool) => findTool(tool) === undefined);
/** Why such a test cannot run here; undefined when it can. */
export const notHere: string | undefined =
  missing.length === 0 ? undefined : `skipped: ${missing.join(", ")} not there, npm run tools -- get`;

export interface StoodIn {
  readonly pulumi: (...args: readonly string[]) => Promise<Ran>;
  readonly pulumiWith: (env: NodeJS.ProcessEnv, ...args: readonly string[]) => Promise<Ran>;
  readonly up: () => Promise<Ran>;
  readonly preview: (env?: NodeJS.ProcessEnv, ...args: readonly string[]) => Promise<Ran>;
  /** What the stand-ins have done since it was last asked, a line each. */
  readonly done: () => readonly string[];
  /** The state, as it lies on disk. */
  readonly exported: () => Promise<string>;
  /** The secrets that the stack has generated, by name. */
  readonly generated: () => Promise<Readonly<Record<string, string>>>;
  /** Settings with their secrets, which Pulumi encrypts, kept. */
  readonly configure: (settings: Settings) => void;
  /** A preview is refused, each volume told (in words such as `volume claim`) and no stack trace. Resolves with the word that allows it. */
  readonly expectRefused: (called: string, expected: readonly string[]) => Promise<string>;
  readonly expectAllowed: (word: string) => Promise<void>;
}

export function standingIn(checkout: Checkout, stack: string, env: NodeJS.ProcessEnv = {}): StoodIn {
  const pulumiWith: StoodIn["pulumiWith"] = (more, ...args) =>
    checkout.runWith(
      {
        ...env,
        PATH: [join(checkout.dir, folder), env.PATH ?? process.env.PATH ?? ""].join(delimiter),
        VITALS_STAND_IN_LOG: join(checkout.dir, "log"),
        ...more,
      },
      "pulumi",
      ...args,
      ...["--stack", stack, "--non-interactive", "--color", "never"],
    );
  const pulumi: StoodIn["pulumi"] = (...args) => pulumiWith({}, ...args);
  const preview: StoodIn["preview"] = (more = {}, ...args) => pulumiWith(more, "preview", ...args);
  const settingsFile = `Pulumi.${stack}.yaml`;
  return {
    pulumi,
    pulumiWith,
    preview,
    up: () => pulumi("up", "--yes", "--skip-preview", "--suppress-outputs"),
    done: () => {
      if (!existsSync(join(checkout.dir, "log"))) return [];
      const lines = checkout.read("log").trim().split("\n");
      checkout.write("log", "");
      return lines.filter((line) => line !== "");
    },
    exported: async () => (await pulumi("stack", "export")).stdout,
    generated: async () => {
      const { stdout } = await pulumi("stack", "export", "--show-secrets");
      const { deployment } = JSON.parse(stdout) as {
        deployment: {
          resources: readonly { urn: string; type: string; outputs?: { value?: { plaintext?: string } } }[];
        };
      };
      return Object.fromEntries(
        deployment.resources
          .filter(({ type }) => type === "vitals:index:Secret")
          .map(({ urn, outputs }) => [
            urn.split("::").at(-1) ?? "",
            JSON.parse(outputs?.value?.plaintext ?? '""') as string,
          ]),
      );
    },
    configure: (settings) => {
      const text = existsSync(join(checkout.dir, settingsFile)) ? checkout.read(settingsFile) : "";
      const kept = [...text.matchAll(/^ {2}vitals:\w+:\n {4}secure: .*$/gm)].map(([line]) => `${line}\n`).join("");
      checkout.configure(settings, stack);
      checkout.write(settingsFile, checkout.read(settingsFile).replace("config:\n", `config:\n${kept}`));
    },
    expectRefused: async (called, expected) => {
      const refused = await preview();
      expect(refused.code).not.toBe(0);
      const told = refused.text.matchAll(new RegExp(`${called} (\\S+): would be (\\w+): `, "g"));
      // Pulumi tells each problem as it comes, and all again at the end.
      expect([...new Set([...told].map(([, volume, effect]) => `${volume} ${effect}`))]).toEqual(expected);
      expect(refused.text).not.toMatch(/\n +at .+:\d+:\d+/);
      return wordIn(refused.text);
    },
    expectAllowed: async (word) => {
      const { code, text } = await preview({ VITALS_ALLOW_DATA_LOSS: word });
      expect([code, text]).toEqual([0, expect.stringMatching(/Resources:/)]);
    },
  };
}

/** The permission that a refusal told. */
export const wordIn = (text: string): string => /VITALS_ALLOW_DATA_LOSS=([0-9a-f]{8})/.exec(text)?.[1] ?? "";

/** `Kind name` of each line of that operation. */
export const objects = (lines: readonly string[], operation: string): readonly string[] =>
  lines
    .filter((line) => line.startsWith(`${operation} `))
    .map((line) => `${/:(\w+) /.exec(line.split("$").at(-1) ?? "")?.[1]} ${line.split(" ").at(-1)}`)
    .toSorted();
