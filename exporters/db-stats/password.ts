// Reads a password file; what is in it goes nowhere else.
import { readFile } from "node:fs/promises";
import { CollectorError } from "../collector.ts";

export async function readPassword(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return (await readFile(path, "utf8")).replace(/\r?\n$/, "");
  } catch (error) {
    throw new CollectorError("auth", error);
  }
}
