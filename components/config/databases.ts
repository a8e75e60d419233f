// The shape of a database that db-stats reads: where it is and as whom, which collectors run and how often, what gets series.
import { z } from "zod";
import { address, between, identifier } from "./scalars.ts";

/** Collectors by the kind of database: a file each in exporters/db-stats. */
export const collectorNames = {
  postgres: [
    "server",
    "connections",
    "locks",
    "slow",
    "transactions",
    "statements",
    "replication",
    "wal",
    "checkpoints",
    "io",
    "archiver",
    "wraparound",
    "settings",
    "tables",
    "sizes",
    "indexes",
    "bloat",
    "sequences",
    "databases",
  ],
  redis: [
    "server",
    "memory",
    "keyspace",
    "clients",
    "traffic",
    "commands",
    "slow",
    "replication",
    "persistence",
    "cluster",
  ],
} as const;

const duration = between("10ms", "1d");

/** What is not said is as the collector's own file has it. */
const collector = z
  .strictObject({ enabled: z.boolean().optional(), timeout: duration.optional(), ttl: duration.optional() })
  .optional();

/** By name. */
export type Collectors = Readonly<Record<string, z.infer<typeof collector>>>;

const collectorsOf = (names: readonly string[]): z.ZodType<Collectors> =>
  z.strictObject(Object.fromEntries(names.map((name) => [name, collector]))).default({});

const most = (standard: number) => z.int().min(0).max(1_000).default(standard);

const common = {
  address,
  user: z.string().min(1),
  /** Also the names that dashboards made for other exporters know. */
  compat: z.boolean().default(false),
};

/** The entry's shape; `credentials` name where its password and its certificates come from. */
export const databaseShape = <C extends z.ZodRawShape>(credentials: C) => {
  const own = { ...common, ...credentials };
  return z.discriminatedUnion("kind", [
    z.strictObject({
      id: identifier,
      kind: z.literal("postgres"),
      ...own,
      collectors: collectorsOf(collectorNames.postgres),
      /** The database to connect to. */
      database: z.string().min(1).default("postgres"),
      /** How many get series of their own; what is left out is counted. */
      limits: z.strictObject({ statements: most(50), tables: most(50), databases: most(50) }).prefault({}),
      /** From when on a statement that runs is slow. */
      slowStatement: duration.default("5s"),
      /** `approx` reads the tables by pgstattuple_approx, `estimate` the statistics alone. */
      bloat: z.enum(["estimate", "approx"]).default("estimate"),
    }),
    z.strictObject({
      id: identifier,
      kind: z.literal("redis"),
      ...own,
      collectors: collectorsOf(collectorNames.redis),
    }),
  ]);
};
