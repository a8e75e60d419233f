// Backups: of everything that is backed up by the clock, the newest whole one is young enough.
import { type Duration, milliseconds } from "../components/units.ts";
import { agg, promql, sel } from "../telemetry/promql.ts";
import { type Alert, given, missing } from "./rule.ts";

export interface BackedUp {
  /** The job that takes the backup. */
  readonly name: string;
  readonly owner: string;
  /** What it backs up. */
  readonly backsUp: string;
}

/** A sample for each backup and nothing between: the time between evaluations need not be shorter. */
export const backupStep: Duration = "10m";

export const backupAlerts = (jobs: readonly BackedUp[], maxAge: Duration): readonly Alert[] =>
  jobs.map((job) => overdue(job, maxAge));

function overdue({ name, owner, backsUp: service }: BackedUp, maxAge: Duration): Alert {
  const seconds = milliseconds(maxAge) / 1_000;
  const told = (values: string) =>
    given("backup_last_success_timestamp_seconds", { service, job: name, instance: `${name}-0` }, values);
  const another = given(
    "backup_last_success_timestamp_seconds",
    { service: "another", job: "another-backup", instance: "another-backup-0" },
    "1x400",
  );
  const since = (time: number, ordinal = 0) =>
    given(
      "prometheus_tsdb_lowest_timestamp_seconds",
      { job: "prometheus", instance: `prometheus-${ordinal}` },
      `${time}x400`,
    );
  const [step, minute] = [600, 60];
  /** `steps` evaluations after `age`, in minutes. */
  const after = (from: number, steps: number): Duration => `${(from + steps * step) / minute}m`;
  // Of a backup an hour after the start; the first evaluation that does not find it, and that at which the alert fires.
  const [taken, again] = [3_600, 3_600 + seconds + 4 * step];
  const gone = taken + seconds;
  const [gap, rest] = [(again - taken) / step - 1, 20];
  const summary = `${service} has had no whole backup for ${maxAge}.`;
  return {
    name: "BackupOverdue",
    // A Prometheus that is younger than that cannot know of one.
    expr: promql`absent_over_time(${sel("backup_last_success_timestamp_seconds", { service })}[${seconds}s]) and on () ${promql`${agg("max", promql`time() - ${sel("prometheus_tsdb_lowest_timestamp_seconds")}`)} > ${seconds}`}`,
    for: backupStep,
    severity: "ticket",
    owner,
    service,
    summary,
    action: `Read the log of the newest job of ${name}: it says what failed, the copy or telling Prometheus of it.`,
    panel: { dashboard: "vitals-overview" },
    proofs: [
      {
        says: `fires when the last backup was ${maxAge} ago, and resolves with the next one`,
        step: backupStep,
        given: [since(0), told(`_x${taken / step} 1 _x${gap} 2 _x${rest}`), another],
        firing: {
          [after(gone, 0)]: [],
          [after(gone, 1)]: [{}],
          [after(again, -1)]: [{}],
          [after(again, 0)]: [],
          [after(again, 1)]: [],
        },
        text: { at: after(gone, 1), summary },
      },
      {
        says: `fires when none was ever taken, as soon as one Prometheus has watched for ${maxAge}`,
        step: backupStep,
        given: [
          missing("backup_last_success_timestamp_seconds", { service, job: name, instance: `${name}-0` }),
          since(0),
          since(2 * seconds, 1),
        ],
        firing: { [after(seconds, 0)]: [], [after(seconds, 1)]: [], [after(seconds, 2)]: [{}] },
      },
      {
        says: "is silent while a backup is taken in time, and where Prometheus does not tell how far back it knows",
        step: backupStep,
        given: [told(`1 _x${seconds / step - 3} 2 _x${seconds / step - 3} 3`)],
        firing: { [after(seconds, 0)]: [], [after(2 * seconds, -6)]: [] },
      },
      {
        says: "is silent while a backup is taken in time",
        step: backupStep,
        given: [since(0), told(`1 _x${seconds / step - 3} 2 _x${seconds / step - 3} 3`)],
        firing: { [after(seconds, 2)]: [], [after(2 * seconds, -6)]: [] },
      },
    ],
  };
}
