-- The role that db-stats reads PostgreSQL with. Run it as a superuser in each database that is read, then give the role a password:
--   psql -d DATABASE -f role.sql && psql -c '\password vitals_db_stats'
do $$ begin
  if not exists (select from pg_roles where rolname = 'vitals_db_stats') then
    create role vitals_db_stats login nosuperuser nocreatedb nocreaterole noreplication nobypassrls connection limit 5;
  end if;
end $$;
grant pg_monitor to vitals_db_stats;
alter role vitals_db_stats set default_transaction_read_only = on;
alter role vitals_db_stats set statement_timeout = '10s';
alter role vitals_db_stats set lock_timeout = '1s';

-- What a monitoring role cannot see by itself. These functions give widths and shares, never a value out of a table.
create schema if not exists vitals_db_stats;
create or replace function vitals_db_stats.column_widths()
  returns table (relation oid, number int2, width int4, null_share float4)
  language sql stable security definer set search_path = pg_catalog, pg_temp
  as $$ select starelid, staattnum, stawidth, stanullfrac from pg_statistic where not stainherit $$;
-- Whoever asks for the last value of a sequence waits for the end of an ALTER or DROP of it, so such sequences are left out.
create or replace function vitals_db_stats.sequences()
  returns table (sequence oid, used_ratio float8)
  language sql stable security definer set search_path = pg_catalog, pg_temp
  as $$
    with locked as materialized (
           select relation from pg_locks
            where locktype = 'relation' and database = (select datid from pg_stat_get_activity(pg_backend_pid()))
              and mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')),
         seen as materialized (
           select s.*, c.oid, s.seqmax::float8 - s.seqmin as span from pg_sequence s join pg_class c on c.oid = s.seqrelid
            where c.relpersistence = 'p' and not s.seqcycle and c.oid not in (select relation from locked))
    select seen.oid,
           coalesce(case when seqincrement > 0 then last::float8 - seqmin else seqmax::float8 - last end / nullif(span, 0), 0)
      from seen, lateral pg_sequence_last_value(seen.oid) last
  $$;
revoke all on function vitals_db_stats.column_widths(), vitals_db_stats.sequences() from public;
grant usage on schema vitals_db_stats to vitals_db_stats;
grant execute on function vitals_db_stats.column_widths(), vitals_db_stats.sequences() to vitals_db_stats;
