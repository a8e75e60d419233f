// Commands: how often each is called, how long it takes, how often it is refused or fails, and its latency percentiles.
import type { Sample } from "../../collector.ts";
import { type Info, type RedisCollector, rd } from "./connection.ts";

const mostShown = 50;

/** What a line of INFO commandstats says: `calls=3,usec=21,usec_per_call=7.00,rejected_calls=0,failed_calls=0`. */
const counted = {
  redis_command_calls_total: ["calls", 1],
  redis_command_seconds_total: ["usec", 1e-6],
  redis_command_rejected_total: ["rejected_calls", 1],
  redis_command_failures_total: ["failed_calls", 1],
} as const;
const names = Object.keys(counted) as (keyof typeof counted)[];

export const commands: RedisCollector = {
  name: "commands",
  emits: [...names, "redis_command_latency_seconds"],
  timeout: "4s",
  collect: async ({ info, dropped }) => {
    const given = await info();
    const all = linesOf(given, "cmdstat_").toSorted((a, b) => (b.fields.calls ?? 0) - (a.fields.calls ?? 0));
    const shown = all.slice(0, mostShown);
    dropped((all.length - shown.length) * names.length);
    const listed = new Set(shown.map(({ command }) => command));
    return [
      ...shown.flatMap(({ command, fields }) =>
        names.map((metric) => rd(metric, (fields[counted[metric][0]] ?? 0) * counted[metric][1], { command })),
      ),
      ...linesOf(given, "latency_percentiles_usec_")
        .filter(({ command }) => listed.has(command))
        .flatMap(({ command, fields }) => Object.entries(fields).flatMap((each) => percentile(command, ...each))),
    ];
  },
};

/** `p99.9`; the label `quantile` is for summaries alone. */
function percentile(command: string, name: string, microseconds: number): readonly Sample[] {
  if (!/^p[\d.]+$/.test(name)) return [];
  return [rd("redis_command_latency_seconds", microseconds / 1e6, { command, percentile: name.slice(1) })];
}

interface Line {
  /** A subcommand as `config.get`. */
  readonly command: string;
  readonly fields: Readonly<Record<string, number>>;
}

const linesOf = (info: Info, prefix: string): readonly Line[] =>
  [...info].flatMap(([name, value]) => {
    if (!name.startsWith(prefix)) return [];
    const fields = value.split(",").map((part) => part.split("=", 2));
    return [
      {
        command: name.slice(prefix.length).replace("|", "."),
        fields: Object.fromEntries(fields.map(([key = "", text]) => [key, Number(text)])),
      },
    ];
  });
