// The configuration file of db-stats: which databases are read, as whom, and where the password lies.
import { z } from "zod";
import { databaseShape } from "../../components/config/databases.ts";
import { accessShape } from "../access.ts";

const tls = z.strictObject({
  /** Authorities, where the servers' certificates are not of a public one. */
  caFile: z.string().min(1).optional(),
  certFile: z.string().min(1).optional(),
  keyFile: z.string().min(1).optional(),
  /** The name in the server's certificate, where the address is another. */
  serverName: z.string().min(1).optional(),
});

const database = databaseShape({
  /** Read at every connect, so a rotated password needs no restart. */
  passwordFile: z.string().min(1).optional(),
  /** Over TLS, with a certificate that is trusted for the address. */
  tls: z.union([z.boolean(), tls]).optional(),
});

export const statsConfig = z.strictObject({
  /** Who may read the texts of statements, stripped of literals; without it, nobody. */
  texts: accessShape.optional(),
  databases: z.array(database).superRefine((entries, context) => {
    const ids = entries.map(({ id }) => id);
    for (const [index, id] of ids.entries())
      if (ids.indexOf(id) !== index)
        context.addIssue({ code: "custom", path: [index, "id"], message: "is taken by an earlier entry" });
  }),
});

export type StatsConfig = z.infer<typeof statsConfig>;
export type DatabaseEntry = StatsConfig["databases"][number];
export type PostgresEntry = Extract<DatabaseEntry, { readonly kind: "postgres" }>;
