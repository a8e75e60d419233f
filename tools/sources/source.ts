// What every kind of source gets, and how it says that it has nothing.
import type { Network } from "../net.ts";
import type { PlatformKey, Program } from "../programs.ts";

/** One attempt to fill a staging folder (bin/ and what belongs to it). */
export interface Attempt {
  readonly program: Program;
  readonly version: string;
  readonly platform: PlatformKey;
  /** Empty, on the cache's file system. */
  readonly staging: string;
  readonly network: Network;
  readonly signal: AbortSignal | undefined;
  readonly doing: (what: string) => void;
  /** Runs a Go build when its turn has come: few at a time, the longest first. */
  readonly turn: <T>(weight: number, build: () => Promise<T>) => Promise<T>;
  readonly env: NodeJS.ProcessEnv;
}

/** Why a source cannot give the tool, as one line. The next source is tried. */
export class SourceUnavailable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "SourceUnavailable";
  }
}

/** A file of the PATH that can be run, leaving out the launchers that npm puts there. */
export const pathFolders = (env: NodeJS.ProcessEnv): readonly string[] =>
  (env.PATH ?? "").split(":").filter((folder) => folder.startsWith("/") && !folder.split("/").includes("node_modules"));

/** The first dotted number of what a program printed. */
export const versionIn = (text: string): string | undefined => /\d+\.\d+(?:\.\d+)*/.exec(text)?.[0];
