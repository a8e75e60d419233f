// A line for each thing that a stand-in does, in the file that its environment names.
import { appendFileSync } from "node:fs";

const path = process.env.VITALS_STAND_IN_LOG;

export const note = (operation: string, urn: string): void => {
  if (path !== undefined) appendFileSync(path, `${operation} ${urn.split("::").slice(2).join(" ")}\n`);
};
