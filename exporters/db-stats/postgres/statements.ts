// Statements by total time. What each one did since the last look is credited to its own series while it is listed, else to `other`,
// so that every series only grows, whatever the server forgets or resets.
import type { Sample } from "../../collector.ts";
import { type PostgresCollector, type PostgresContext, pg } from "./connection.ts";
import { type Cells, ownDatabase, samplesOf } from "./tabular.ts";

/** What is counted of a statement, and the column that it is in. Version 17 renamed none of these. */
const counters = {
  pg_statement_calls_total: "calls",
  pg_statement_seconds_total: "total_exec_time",
  pg_statement_rows_total: "rows",
  pg_statement_blocks_hit_total: "shared_blks_hit",
  pg_statement_blocks_read_total: "shared_blks_read",
  pg_statement_temp_blocks_total: "temp_blks_read + temp_blks_written",
  pg_statement_wal_bytes_total: "wal_bytes",
} as const;
type Counter = keyof typeof counters;
const names = Object.keys(counters) as readonly Counter[];
const time = names.indexOf("pg_statement_seconds_total");

const about = ["pg_statements_tracked", "pg_statements_tracked_limit"] as const;
const life = ["pg_statements_evicted_total", "pg_statements_reset_timestamp_seconds"] as const;

type Amounts = readonly number[];

/** What one user has done by one statement, nested in others or not: what the server keeps an entry for. */
interface Entry {
  readonly id: string;
  readonly amounts: Amounts;
}

export interface Look {
  readonly entries: ReadonlyMap<string, Entry>;
  /** When the server says that it was looked at, began to count, and was started, in seconds; `reset` is null where it does not tell. */
  readonly at: number;
  readonly reset: number | null;
  readonly started: number;
  /** How long ago the look before it was over, in seconds of our own clock; Infinity for the first. */
  readonly after: number;
}

/** What is remembered of one database between two scrapes. */
export interface Ledger {
  /** Undefined before the first look: what was done before it is nobody's. */
  last: Look | undefined;
  /** The one that was listed last stands last. */
  readonly credited: Map<string, Amounts>;
  /** The ids that have series of their own now. */
  listed: readonly string[];
}

interface Watched {
  readonly ledger: Ledger;
  /** When the last look was over, by our own clock. */
  over: number;
}

const watched = new WeakMap<object, Watched>();
const zero: Amounts = names.map(() => 0);
const add = (a: Amounts, b: Amounts): Amounts => a.map((value, index) => value + (b[index] ?? 0));

export const newLedger = (): Ledger => ({ last: undefined, credited: new Map([["other", zero]]), listed: [] });

/** The ids that have series, as the last scrape of this database listed them. */
export const listedIds = (identity: object): readonly string[] => watched.get(identity)?.ledger.listed ?? [];

/** Credits what has grown since the last look. What may have been done before it is not credited, whatever has become of the server. */
export function credit(ledger: Ledger, now: Look, limit: number): void {
  const sums = new Map<string, Amounts>();
  for (const { id, amounts } of now.entries.values()) sums.set(id, add(sums.get(id) ?? zero, amounts));
  const byTime = [...sums].toSorted(([, a], [, b]) => (b[time] ?? 0) - (a[time] ?? 0));
  const listed = new Set(byTime.slice(0, limit).map(([id]) => id));
  const { credited } = ledger;
  for (const id of listed) {
    const before = credited.get(id) ?? zero;
    credited.delete(id);
    credited.set(id, before);
  }
  const before = known(ledger.last, now);
  if (before !== undefined)
    for (const [key, { id, amounts }] of now.entries) {
      const account = listed.has(id) ? id : "other";
      credited.set(account, add(credited.get(account) ?? zero, growth(amounts, before.get(key)?.amounts ?? zero)));
    }
  ledger.last = now;
  ledger.listed = [...listed];
  forget(ledger, limit);
}

/** An entry of which anything shrank was forgotten, or reset by itself, and began anew since: all of it is new. */
const growth = (now: Amounts, before: Amounts): Amounts =>
  now.some((value, index) => value < (before[index] ?? 0))
    ? now
    : now.map((value, index) => value - (before[index] ?? 0));

/**
 * With which entries these may be compared; undefined when with none: it is another server, or it says that it counts since a time
 * before the last look. One that was started or reset after that has nothing but what is new. A server that has gone on running
 * is asked by its own clock, any other by how long ago it was.
 */
function known(last: Look | undefined, now: Look): Look["entries"] | undefined {
  if (last === undefined) return undefined;
  const same = last.started === now.started;
  const isLater = (moment: number): boolean => (same ? moment > last.at : now.at - moment < now.after);
  if (!same && !isLater(now.started)) return undefined;
  if (last.reset === now.reset) return last.entries;
  return now.reset !== null && isLater(now.reset) ? new Map() : undefined;
}

/** Accounts of statements that are no longer listed are kept, so that they go on where they stopped; but not without end. */
function forget({ credited, listed }: Ledger, limit: number): void {
  const keep = new Set(["other", ...listed]);
  for (const id of credited.keys()) {
    if (credited.size <= 10 * limit + 1) return;
    if (!keep.has(id)) credited.delete(id);
  }
}

export const statements: PostgresCollector = {
  name: "statements",
  emits: [...names, ...about, ...life, "pg_extension_available"],
  timeout: "8s",
  collect: async (context) => {
    const extension = await extensionOf(context);
    if (extension === undefined) return [pg("pg_extension_available", 0, { extension: "pg_stat_statements" })];
    const { limits } = context.settings;
    const mine = watched.get(context.identity) ?? { ledger: newLedger(), over: Number.NEGATIVE_INFINITY };
    watched.set(context.identity, mine);
    const after = (performance.now() - mine.over) / 1_000;
    const { info, ...seen } = await read(context, extension);
    mine.over = performance.now();
    const { ledger } = mine;
    credit(ledger, { ...seen, after }, limits.statements);
    const ids = new Set([...seen.entries.values()].map(({ id }) => id));
    context.dropped(Math.max(0, ids.size - ledger.listed.length) * names.length);
    return [
      pg("pg_extension_available", 1, { extension: "pg_stat_statements" }),
      ...samplesOf([{ ...info, pg_statements_tracked: ids.size }], [...about, ...life]),
      ...["other", ...ledger.listed].flatMap((queryid) => samples(queryid, ledger.credited.get(queryid) ?? zero)),
    ];
  },
};

const samples = (queryid: string, amounts: Amounts): readonly Sample[] =>
  names.map((metric, index) => pg(metric, amounts[index] ?? 0, { queryid }));

interface Extension {
  /** Where it is, quoted. */
  readonly schema: string;
  /** Since 1.9 it tells who nested a statement, and about itself. */
  readonly telling: boolean;
}

/**
 * The extension in this database; undefined when it is not there, its library is not loaded, or it is older than 1.8, which counts
 * other things. An extension is as old as the server on which it was made, until somebody updates it.
 */
export async function extensionOf({ query }: PostgresContext): Promise<Extension | undefined> {
  const [row] = await query<Extension>(`
    select schema, minor >= 9 as telling
      from (select quote_ident(n.nspname) as schema, substring(e.extversion from '^1\\.(\\d+)')::int as minor
              from pg_extension e join pg_namespace n on n.oid = e.extnamespace
             where e.extname = 'pg_stat_statements' and current_setting('pg_stat_statements.max', true) is not null) found
     where minor >= 8`);
  return row;
}

/**
 * All of them in one row: `other` is exact only when every statement is looked at. Texts stay on the server's disk (`false`). The time is
 * told after the entries were read, so that nothing that was reset in between counts as done later.
 */
async function read(
  { query }: PostgresContext,
  { schema, telling }: Extension,
): Promise<Omit<Look, "after"> & { readonly info: Cells }> {
  const lists = names.map((name, index) => `string_agg((${counters[name]})::float8::text, ',') as c${index}`);
  const key = `userid || '/' || ${telling ? "toplevel::int || '/' ||" : ""} dbid`;
  const [row] = await query<Cells>(`
    select each.*, ${telling ? "info.dealloc" : "null"} as pg_statements_evicted_total,
           ${telling ? "extract(epoch from info.stats_reset)" : "null"} as pg_statements_reset_timestamp_seconds,
           current_setting('pg_stat_statements.max') as pg_statements_tracked_limit,
           extract(epoch from pg_postmaster_start_time()) as started, extract(epoch from clock_timestamp()) as at
      from (select string_agg(queryid::text, ',') as id, string_agg(${key}, ',') as key, ${lists.join(", ")}
              from ${schema}.pg_stat_statements(false)
             where dbid = ${ownDatabase} and queryid is not null) each ${telling ? `, ${schema}.pg_stat_statements_info info` : ""}`);
  const cells = (name: string): readonly string[] => (row?.[name] == null ? [] : `${row[name]}`.split(","));
  const amounts = names.map((_name, index) => cells(`c${index}`));
  const keys = cells("key");
  const entries = new Map(
    cells("id").map((id, at) => [
      `${id}/${keys[at]}`,
      { id, amounts: amounts.map((list, index) => Number(list[at] ?? 0) / (index === time ? 1_000 : 1)) },
    ]),
  );
  const reset = row?.pg_statements_reset_timestamp_seconds;
  return {
    entries,
    at: Number(row?.at),
    started: Number(row?.started),
    reset: reset == null ? null : Number(reset),
    info: row ?? {},
  };
}
