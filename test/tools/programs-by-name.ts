// Rows of the program table by name.
import { type Program, programs } from "../../tools/programs.ts";

export const program = (name: string): Program => {
  const found = programs.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no program ${name}`);
  return found;
};
