// The configuration file of db-stats: which databases are read, as whom, and where the password lies.
import { z } from "zod";

const database = z.strictObject({
  id: z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, {
    message: "must be lower-case letters, digits and hyphens, start with a letter and have at most 40 characters",
  }),
  kind: z.enum(["postgres", "redis"]),
  address: z.string().regex(/^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]):\d{1,5}$/, { message: "must be host:port" }),
  user: z.string().min(1),
  /** Read at every connect, so a rotated password needs no restart. */
  passwordFile: z.string().min(1).optional(),
  /** Redis: over TLS, with a certificate that the system trusts for the address. */
  tls: z.boolean().optional(),
  /** The PostgreSQL database to connect to. */
  database: z.string().min(1).default("postgres"),
});

export const statsConfig = z.strictObject({
  databases: z.array(database).superRefine((entries, context) => {
    const ids = entries.map(({ id }) => id);
    for (const [index, id] of ids.entries())
      if (ids.indexOf(id) !== index)
        context.addIssue({ code: "custom", path: [index, "id"], message: "is taken by an earlier entry" });
  }),
});

export type StatsConfig = z.infer<typeof statsConfig>;
export type DatabaseEntry = StatsConfig["databases"][number];

export function endpointOf({ address }: DatabaseEntry): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, "$1"), port: Number(address.slice(colon + 1)) };
}
