// The gateway's configuration file.
import { z } from "zod";
import { address, httpUrl, identifier, origin } from "../components/config/scalars.ts";
import { issuerShape } from "../components/tokens.ts";

const shape = z.strictObject({
  /** Service -> base URL. */
  upstreams: z.record(identifier, httpUrl),
  access: issuerShape,
  /** Where answers are kept, and requests are counted. */
  redis: z
    .strictObject({
      address,
      user: z.string().min(1).optional(),
      passwordFile: z.string().min(1).optional(),
      tls: z.boolean().default(false),
    })
    .optional(),
  /** Resources whose answers are never kept. */
  uncached: z.array(identifier).default([]),
  /** A file with the secret of which the cache's keys are made. */
  secretFile: z.string().min(1),
  /** Requests of one caller: so many at once, and so many in a minute. Needs `redis`. */
  limit: z.strictObject({ perMinute: z.int().min(1), burst: z.int().min(1) }).optional(),
  /** Origins whose pages may use the API. */
  cors: z.array(origin).default([]),
  /** Whether callers of GraphQL may ask for its schema. */
  introspection: z.boolean().default(false),
  /**
   * `requests`: whether requests, and the calls that they make, are observed. `headRatio`: the share of its own traces that it records;
   * below 1 errors and slow requests are lost, too.
   */
  telemetry: z
    .strictObject({ requests: z.boolean().default(true), headRatio: z.number().min(0).max(1).default(1) })
    .prefault({}),
  /** A Sentry-compatible ingest; nothing is reported without it. */
  errorReports: z.strictObject({ dsnFile: z.string().min(1) }).optional(),
  /** Milliseconds for an upstream's whole answer. At its end the gateway waits for one second longer; the platform has to wait, too. */
  deadlineMs: z.int().min(1).max(60_000).default(7_000),
  /** Milliseconds for a client's whole request. */
  requestMs: z.int().min(1).max(60_000).default(10_000),
});

export const gatewayConfig = shape.refine(({ limit, redis }) => limit === undefined || redis !== undefined, {
  message: "needs redis, where requests are counted: name one, or leave the limit out",
  path: ["limit"],
});

export type GatewayConfig = z.infer<typeof gatewayConfig>;
