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

/** What is remembered of one database between two scrapes. */
export interface Ledger {
  /** Undefined before the first look: what was done before it is nobody's. */
  seen: ReadonlyMap<string, Amounts> | undefined;
  /** When the server began to count, as it was at the last look. */
  since: number | null;
  readonly credited: Map<string, Amounts>;
  /** The ids that have series of their own now. */
  listed: readonly string[];
}

const ledgers = new WeakMap<object, Ledger>();
const zero: Amounts = names.map(() => 0);
const add = (a: Amounts, b: Amounts): Amounts => a.map((value, index) => value + (b[index] ?? 0));

export const newLedger = (): Ledger => ({
  seen: undefined,
  since: null,
  credited: new Map([["other", zero]]),
  listed: [],
});

/** The ids that have series, as the last scrape of this database listed them. */
export const listedIds = (identity: object): readonly string[] => ledgers.get(identity)?.listed ?? [];

/** Credits what has grown. A count that shrank, came back after it was gone, or was reset began anew: all of it is new. */
export function credit(ledger: Ledger, now: ReadonlyMap<string, Amounts>, limit: number, since: number | null): void {
  if (ledger.seen !== undefined && ledger.since !== since) ledger.seen = new Map();
  ledger.since = since;
  const byTime = [...now].toSorted(([, a], [, b]) => (b[time] ?? 0) - (a[time] ?? 0));
  const listed = new Set(byTime.slice(0, limit).map(([id]) => id));
  for (const id of listed) if (!ledger.credited.has(id)) ledger.credited.set(id, zero);
  if (ledger.seen !== undefined)
    for (const [id, amounts] of now) {
      const before = ledger.seen.get(id) ?? zero;
      const anew = amounts[0] !== undefined && amounts[0] < (before[0] ?? 0);
      const delta = amounts.map((value, index) => Math.max(0, anew ? value : value - (before[index] ?? 0)));
      if (delta.every((value) => value === 0)) continue;
      const account = listed.has(id) ? id : "other";
      ledger.credited.set(account, add(ledger.credited.get(account) ?? zero, delta));
    }
  ledger.seen = now;
  ledger.listed = [...listed];
  forget(ledger, limit);
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
    const schema = await schemaOf(context);
    if (schema === undefined) return [pg("pg_extension_available", 0, { extension: "pg_stat_statements" })];
    const { limits } = context.settings;
    const { now, info } = await read(context, schema);
    const ledger = ledgers.get(context.identity) ?? newLedger();
    ledgers.set(context.identity, ledger);
    const since = info.pg_statements_reset_timestamp_seconds;
    credit(ledger, now, limits.statements, since == null ? null : Number(since));
    context.dropped(Math.max(0, now.size - ledger.listed.length) * names.length);
    return [
      pg("pg_extension_available", 1, { extension: "pg_stat_statements" }),
      ...samplesOf([{ ...info, pg_statements_tracked: now.size }], [...about, ...life]),
      ...["other", ...ledger.listed].flatMap((queryid) => samples(queryid, ledger.credited.get(queryid) ?? zero)),
    ];
  },
};

const samples = (queryid: string, amounts: Amounts): readonly Sample[] =>
  names.map((metric, index) => pg(metric, amounts[index] ?? 0, { queryid }));

/** Where the extension is in this database; undefined when it is not there, or its library is not loaded. */
export async function schemaOf({ query }: PostgresContext): Promise<string | undefined> {
  const [row] = await query<{ readonly schema: string }>(`
    select quote_ident(n.nspname) as schema from pg_extension e join pg_namespace n on n.oid = e.extnamespace
     where e.extname = 'pg_stat_statements' and current_setting('pg_stat_statements.max', true) is not null`);
  return row?.schema;
}

/**
 * All of them in one row: `other` is exact only when every statement is looked at. Texts stay on the server's disk (`false`);
 * rows of the same statement, by user and by nesting, are added up.
 */
async function read(
  { query }: PostgresContext,
  schema: string,
): Promise<{ readonly now: ReadonlyMap<string, Amounts>; readonly info: Cells }> {
  const columns = names.map((name, index) => `sum(${counters[name]})::float8 as c${index}`);
  const lists = names.map((_name, index) => `string_agg(c${index}::text, ',') as c${index}`);
  const [row] = await query<Cells>(`
    select each.*, info.dealloc as pg_statements_evicted_total,
           extract(epoch from info.stats_reset) as pg_statements_reset_timestamp_seconds,
           current_setting('pg_stat_statements.max') as pg_statements_tracked_limit
      from ${schema}.pg_stat_statements_info info, (
        select string_agg(id::text, ',') as id, ${lists.join(", ")}
          from (select queryid as id, ${columns.join(", ")} from ${schema}.pg_stat_statements(false)
                 where dbid = ${ownDatabase} and queryid is not null group by queryid) each) each`);
  const cells = (name: string): readonly string[] => (row?.[name] == null ? [] : `${row[name]}`.split(","));
  const amounts = names.map((_name, index) => cells(`c${index}`));
  const now = new Map(
    cells("id").map((id, at) => [
      id,
      amounts.map((list, index) => Number(list[at] ?? 0) / (index === time ? 1_000 : 1)),
    ]),
  );
  return { now, info: row ?? {} };
}
