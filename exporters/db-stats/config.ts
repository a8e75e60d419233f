// The configuration file of db-stats: which databases are read, as whom, and where the password lies.
import { z } from "zod";
import { type Duration, isDuration, milliseconds } from "../../components/units.ts";
import { accessShape } from "../access.ts";
import { postgresCollectors } from "./postgres/index.ts";
import { redisCollectors } from "./redis/index.ts";

const duration = z.custom<Duration>(
  (text) =>
    typeof text === "string" && isDuration(text) && milliseconds(text) >= 10 && milliseconds(text) <= 86_400_000,
  { message: "must be a duration from 10ms to 1d, such as 5s" },
);

/** What is not said is as the collector's own file has it. */
const collector = z.strictObject({
  enabled: z.boolean().optional(),
  timeout: duration.optional(),
  ttl: duration.optional(),
});

const tls = z.strictObject({
  /** Authorities, where the servers' certificates are not of a public one. */
  caFile: z.string().min(1).optional(),
  certFile: z.string().min(1).optional(),
  keyFile: z.string().min(1).optional(),
  /** The name in the server's certificate, where the address is another. */
  serverName: z.string().min(1).optional(),
});

const most = (standard: number) => z.int().min(0).max(1_000).default(standard);

/** How many get series of their own; what is left out is counted. */
const limits = z.strictObject({ statements: most(50), tables: most(50), databases: most(50) });

const database = z.strictObject({
  id: z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, {
    message: "must be lower-case letters, digits and hyphens, start with a letter and have at most 40 characters",
  }),
  kind: z.enum(["postgres", "redis"]),
  address: z.string().regex(/^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]):\d{1,5}$/, { message: "must be host:port" }),
  user: z.string().min(1),
  /** Read at every connect, so a rotated password needs no restart. */
  passwordFile: z.string().min(1).optional(),
  /** Over TLS, with a certificate that is trusted for the address. */
  tls: z.union([z.boolean(), tls]).optional(),
  /** The PostgreSQL database to connect to. */
  database: z.string().min(1).default("postgres"),
  collectors: z.record(z.string(), collector).default({}),
  limits: limits.prefault({}),
  /** From when on a statement that runs is slow. */
  slowStatement: duration.default("5s"),
  /** Also the names that dashboards made for other exporters know. */
  compat: z.boolean().default(false),
  /** `approx` reads the tables by pgstattuple_approx, `estimate` the statistics alone. */
  bloat: z.enum(["estimate", "approx"]).default("estimate"),
});

export const statsConfig = z.strictObject({
  /** Who may read the texts of statements, stripped of literals; without it, nobody. */
  texts: accessShape.optional(),
  databases: z.array(database).superRefine((entries, context) => {
    const ids = entries.map(({ id }) => id);
    for (const [index, id] of ids.entries())
      if (ids.indexOf(id) !== index)
        context.addIssue({ code: "custom", path: [index, "id"], message: "is taken by an earlier entry" });
    for (const [index, { kind, collectors }] of entries.entries()) {
      const known = (kind === "postgres" ? postgresCollectors : redisCollectors).map(({ name }) => name);
      for (const name of Object.keys(collectors))
        if (!known.includes(name))
          context.addIssue({
            code: "custom",
            path: [index, "collectors", name],
            message: `is not a collector of ${kind}; there are ${known.join(", ")}`,
          });
    }
  }),
});

export type StatsConfig = z.infer<typeof statsConfig>;
export type DatabaseEntry = StatsConfig["databases"][number];
