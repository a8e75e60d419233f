// The shape of what says whom alerts reach: Slack's channels, a second receiver, a dead man's switch, and hours of silence.
import { z } from "zod";
import { address, channel, hostName, identifier, identifierOfSecret } from "./scalars.ts";

/** Channels by severity; a severity that is left out goes to `vitals:slackChannel`. */
export const slackChannels = z.strictObject({ page: channel.optional(), ticket: channel.optional() });

/** A URL that is a secret, as those of most alarm services are, and the host that it leads to. */
const secretUrl = {
  /** The name of the config secret that holds the URL. */
  urlSecret: identifierOfSecret,
  /** Where the URL leads: a NetworkPolicy opens its port. */
  host: hostName,
  port: z.int().min(1).max(65_535).default(443),
};

/** Who gets every page too, by a way that is not Slack. */
export const pageReceiver = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("webhook"), ...secretUrl }),
  z.strictObject({
    kind: z.literal("email"),
    to: z.array(z.email()).min(1),
    from: z.email(),
    /** The mail server, host:port. */
    smarthost: address,
    user: z.string().min(1).optional(),
    /** The name of the config secret that holds that user's password. */
    passwordSecret: identifierOfSecret.optional(),
    requireTls: z.boolean().default(true),
  }),
]);

/** Who is called all the time, and alarms when the calls stop. */
export const deadMansSwitch = z.strictObject(secretUrl);

export const weekdays = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;

const clock = z.string().regex(/^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/, {
  message: "must be a time of day, such as 22:00",
});

const timeZone = z.string().refine(isTimeZone, { message: "must be a time zone, such as Europe/Berlin" });

const weekly = z
  .strictObject({
    weekdays: z
      .array(z.enum(weekdays))
      .min(1)
      .default([...weekdays]),
    from: clock.default("00:00"),
    /** Before `from`: it ends on the next day. */
    to: clock.default("24:00"),
    location: timeZone.default("UTC"),
  })
  .refine(({ from, to }) => from !== to && from !== "24:00" && to !== "00:00", {
    message: "must begin and end at different times; a day ends at 24:00",
  });

const instant = z.iso.datetime({ offset: true, error: "must be a date and time, such as 2027-01-31T22:00:00Z" });

export const longestOnceDays = 31;

const once = z
  .strictObject({ from: instant, to: instant })
  .refine(({ from, to }) => Date.parse(from) < Date.parse(to), { message: "must end after it begins" })
  .refine(({ from, to }) => Date.parse(to) - Date.parse(from) <= longestOnceDays * 86_400_000, {
    message: `may last ${longestOnceDays} days; what is never wanted is switched off in vitals:alertOverrides`,
  });

/** Hours in which nobody is told: each week, or once for a maintenance. Whatever still fires afterwards is told then. */
export const muteWindow = z
  .strictObject({
    name: identifier,
    /** Whose alerts; without it, all. */
    services: z.array(z.string().min(1)).min(1).optional(),
    severities: z
      .array(z.enum(["page", "ticket"]))
      .min(1)
      .default(["page", "ticket"]),
    weekly: weekly.optional(),
    once: once.optional(),
  })
  .refine(({ weekly: each, once: single }) => (each === undefined) !== (single === undefined), {
    message: "needs weekly or once, and not both",
  });

export type MuteWindow = z.infer<typeof muteWindow>;
export type PageReceiver = z.infer<typeof pageReceiver>;

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
