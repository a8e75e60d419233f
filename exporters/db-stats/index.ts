// db-stats: statistics of PostgreSQL and Redis, read with few connections, short time limits and no rights to write.
import { postgres } from "../../telemetry/catalogue/postgres.ts";
import { redis } from "../../telemetry/catalogue/redis.ts";
import { type Access, guarded } from "../access.ts";
import type { Collector, Run, Target } from "../collector.ts";
import type { Exporter, Page } from "../exporter.ts";
import { type Api, guardedJson, inPath, list, object, text } from "../openapi.ts";
import { connectionCauseOf } from "./causes.ts";
import { established, establishedRows, inOtherNames } from "./compat.ts";
import { type DatabaseEntry, type StatsConfig, statsConfig } from "./config.ts";
import { type Connection, createConnections, type Owner } from "./connections.ts";
import { postgresContext, postgresOwner } from "./postgres/connection.ts";
import { postgresCollectors } from "./postgres/index.ts";
import { redisContexts, redisOwner } from "./redis/connection.ts";
import { redisCollectors } from "./redis/index.ts";
import { noSuchDatabase, statementTexts } from "./texts.ts";

const own = { ...postgres, ...redis } as const;
const rows: typeof own = { ...own, ...establishedRows(own) };

/** A collector as this database's configuration wants it. */
const chosen = <C>(all: readonly Collector<C>[], entry: DatabaseEntry): readonly Collector<C>[] => {
  const { compat, collectors } = entry;
  return all
    .filter(({ name }) => collectors[name]?.enabled !== false)
    .map((each) => {
      const { timeout = each.timeout, ttl = each.ttl } = collectors[each.name] ?? {};
      const limited = { ...each, timeout, ...(ttl === undefined ? {} : { ttl }) };
      if (!compat) return limited;
      return {
        ...limited,
        emits: [...each.emits, ...established(each.emits)],
        collect: async (context: C) => {
          const samples = await each.collect(context);
          return [...samples, ...inOtherNames(samples, entry.kind === "postgres" ? entry.database : "")];
        },
      };
    });
};

/** Connections of this exporter to all its databases together. */
const connectionBudget = 3;

interface Watched {
  readonly entry: DatabaseEntry;
  readonly owner: Owner<Connection>;
  readonly target: Target;
  /** Asks the server for the texts of its statements. */
  readonly texts?: () => Promise<Page>;
}

const textsTimeoutMs = 5_000;

/** A run that is no part of a scrape. */
function singleRun(): Run {
  const until = performance.now() + textsTimeoutMs;
  return {
    signal: AbortSignal.timeout(textsTimeoutMs),
    remaining: () => Math.max(0, until - performance.now()),
    round: {},
    dropped: () => undefined,
  };
}

const api: Api = {
  paths: {
    "/statements/{database}": guardedJson(
      "The texts of the statements that have series, without their literals",
      "Statements",
      [inPath("database", "billing")],
      404,
    ),
  },
  schemas: { Statements: object({ statements: list(object({ queryid: text, text })) }) },
};

export const dbStats: Exporter<StatsConfig, typeof rows> = {
  name: "db-stats",
  about: "reads statistics of PostgreSQL and Redis",
  rows,
  config: statsConfig,
  probe: "database",
  api,
  start: ({ metrics, log }) => {
    const failures = {
      postgres: metrics.counter("pg_connection_failures_total"),
      redis: metrics.counter("redis_connection_failures_total"),
    };
    const connections = createConnections(connectionBudget);
    let watched = new Map<string, Watched>();
    let access: Access | undefined;

    const watch = (entry: DatabaseEntry): Watched => {
      const labels = { database: entry.id };
      const failed = (error: unknown): void => failures[entry.kind].inc({ ...labels, cause: connectionCauseOf(error) });
      if (entry.kind === "postgres") {
        const owner = postgresOwner(entry, failed);
        let told = "";
        const lacks = (grants: readonly string[]): void => {
          if (told === grants.join()) return;
          told = grants.join();
          for (const grant of grants) log.warn("the role lacks a grant: run role.sql", { target: entry.id, grant });
        };
        const target: Target<Parameters<(typeof postgresCollectors)[number]["collect"]>[0]> = {
          name: entry.id,
          labels,
          collectors: chosen(postgresCollectors, entry),
          context: (run) => postgresContext(connections, owner, run, entry, lacks),
        };
        const texts = () => statementTexts(target.context(singleRun()));
        return { entry, owner, target: target as unknown as Target, texts };
      }
      const owner = redisOwner(entry, failed);
      const told = new Set<string>();
      const denied = (command: string): void => {
        if (told.has(command)) return;
        told.add(command);
        log.warn("the user may not give a command: see docs/db-stats.md", { target: entry.id, grant: command });
      };
      const target: Target<Parameters<(typeof redisCollectors)[number]["collect"]>[0]> = {
        name: entry.id,
        labels,
        collectors: chosen(redisCollectors, entry),
        context: redisContexts(connections, owner, denied),
      };
      return { entry, owner, target: target as unknown as Target };
    };

    return {
      size: () => watched.size,
      targets: () => [...watched.values()].map(({ target }) => target),
      routes: {
        "/statements/:database": (request) => {
          const { texts } = watched.get(request.params.database ?? "") ?? {};
          if (access === undefined) return noSuchDatabase();
          return guarded(() => access ?? {}, texts ?? noSuchDatabase)(request);
        },
      },
      apply: ({ databases, texts }) => {
        access = texts;
        const before = watched;
        watched = new Map();
        for (const entry of databases) {
          const old = before.get(entry.id);
          const same = old !== undefined && JSON.stringify(old.entry) === JSON.stringify(entry);
          if (same) before.delete(entry.id);
          watched.set(entry.id, same ? old : watch(entry));
        }
        for (const { entry, owner } of before.values()) {
          connections.drop(owner);
          metrics.forget({ database: entry.id });
        }
        for (const { entry } of watched.values()) startAt0(entry);
      },
      close: async () => connections.close(),
    };

    /** Only the causes of the database's own kind. */
    function startAt0({ id, kind }: DatabaseEntry): void {
      for (const cause of postgres.pg_connection_failures_total.labels.cause)
        failures[kind].inc({ database: id, cause }, 0);
    }
  },
};
