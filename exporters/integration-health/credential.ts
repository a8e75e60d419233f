// Reads an integration's secret from its file, at each attempt: a rotated one is used at once. What is in it goes nowhere else.
import { readFile } from "node:fs/promises";
import { ProbeError } from "./probe.ts";

/** A secret that cannot be read is a key of ours that does not fit. */
export const credentialOf =
  (file: string | undefined): (() => Promise<string | undefined>) =>
  async () => {
    if (file === undefined) return undefined;
    const text = await readFile(file, "utf8").catch(() => "");
    const secret = text.replace(/\r?\n$/, "");
    // Anything else could not stand in a header.
    if (!/^[\x20-\x7e]+$/.test(secret)) throw new ProbeError("auth");
    return secret;
  };
