// Keys that no setting has: what is told of one names those that there are.
import { z } from "zod";
import { nearest } from "./nearest.ts";

const list = "there are: ";

/** For `safeParse`: the issue of an unknown key has in its message which keys there are. */
export const listingKeys = {
  error: ({ code, inst }: z.core.$ZodRawIssue) =>
    code === "unrecognized_keys" && inst instanceof z.ZodObject
      ? `${list}${Object.keys(inst.shape).join(", ")}`
      : undefined,
};

/** What to do about an unknown key, by its issue's message. */
export function remedyOf(key: string, message: string): string {
  const valid = message.startsWith(list) ? message.slice(list.length).split(", ") : [];
  const advice = nearest(key, valid) ?? "Remove it, or correct its spelling.";
  return valid.length === 0 ? advice : `${advice} There are: ${valid.join(", ")}.`;
}
