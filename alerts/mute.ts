// Mute windows as Alertmanager's time intervals, and which of them hold for a service's alerts.

import { nearest } from "../components/config/nearest.ts";
import { type MuteWindow, weekdays } from "../components/config/notifications.ts";
import type { StackConfig } from "../components/config.ts";
import type { Problem } from "../components/errors.ts";
import type { Tree } from "../components/spec.ts";

type Windows = Pick<StackConfig, "muteWindows">;

/** The list of all windows, as `time_intervals` has them. */
export const timeIntervals = ({ muteWindows }: Windows): readonly Tree[] =>
  muteWindows.map((window) => ({ name: window.name, time_intervals: intervalsOf(window) }));

/** The names of the windows in which alerts of a severity are muted: of one service, or of all that no window names. */
export const mutedIn = (
  { muteWindows }: Windows,
  severity: MuteWindow["severities"][number],
  service?: string,
): readonly string[] =>
  muteWindows
    .filter(({ services, severities }) => {
      const meant = services === undefined || (service !== undefined && services.includes(service));
      return meant && severities.includes(severity);
    })
    .map(({ name }) => name);

/** The services that a window names: each needs routes of its own, because Alertmanager mutes routes. */
export const singledOut = ({ muteWindows }: Windows): readonly string[] =>
  [...new Set(muteWindows.flatMap(({ services }) => services ?? []))].toSorted();

export const muteProblems = ({ muteWindows }: Windows, known: readonly string[]): readonly Problem[] =>
  muteWindows.flatMap(({ services = [] }, index) =>
    services
      .filter((service) => !known.includes(service))
      .map((service) => ({
        where: `vitals:muteWindows[${index}].services`,
        what: `"${service}" is no service, database or integration of this stack`,
        remedy: nearest(service, known) ?? `Use one of: ${known.toSorted().join(", ")}.`,
        follows: ["vitals:platform", "vitals:services", "vitals:integrations", "vitals:databases"],
      })),
  );

function intervalsOf({ weekly, once }: MuteWindow): readonly Tree[] {
  if (weekly !== undefined) return weeklyIntervals(weekly);
  return once === undefined ? [] : onceIntervals(new Date(once.from), new Date(once.to));
}

/** An interval of Alertmanager's ends with the day, so a night is two of them. */
function weeklyIntervals({ weekdays: days, from, to, location }: NonNullable<MuteWindow["weekly"]>): readonly Tree[] {
  const interval = (on: readonly string[], start: string, end: string): Tree => ({
    weekdays: on,
    times: [{ start_time: start, end_time: end }],
    location,
  });
  if (from < to) return [interval(days, from, to)];
  const next = days.map((day) => weekdays[(weekdays.indexOf(day) + 1) % 7] ?? day);
  return [interval(days, from, "24:00"), interval(next, "00:00", to)];
}

/** A day each, in UTC. Seconds are rounded outwards: Alertmanager counts in minutes. */
function onceIntervals(from: Date, to: Date): readonly Tree[] {
  const start = Math.floor(from.getTime() / minute) * minute;
  const end = Math.ceil(to.getTime() / minute) * minute;
  const intervals: Tree[] = [];
  for (let day = Math.floor(start / dayLong) * dayLong; day < end; day += dayLong) {
    const date = new Date(day);
    intervals.push({
      years: [String(date.getUTCFullYear())],
      months: [String(date.getUTCMonth() + 1)],
      days_of_month: [String(date.getUTCDate())],
      times: [{ start_time: clock(Math.max(start - day, 0)), end_time: clock(Math.min(end - day, dayLong)) }],
      location: "UTC",
    });
  }
  return intervals;
}

const minute = 60_000;
const dayLong = 1_440 * minute;

const clock = (sinceMidnight: number): string => {
  const minutes = sinceMidnight / minute;
  return [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, "0")).join(":");
};
