// The shape of a third-party integration: how it is probed, when it counts as down, what it may cost, where its vendor says how it is.
import { z } from "zod";
import { withPreset } from "./presets.ts";
import { address, between, certificate, httpUrl, identifier, isNetwork, namesSecret } from "./scalars.ts";

/** Kinds of probes and of status feeds: a file each in exporters/integration-health. */
export const probeKinds = ["http", "tcp", "tls", "dns", "postgres", "redis"] as const;
export const feedKinds = ["statuspage", "google", "instatus", "betterstack", "rss"] as const;

const pattern = z.string().refine(isPattern, { message: "must be a regular expression" });
const instant = z.iso.datetime({ offset: true, message: "must be an instant such as 2026-01-31T22:00:00Z" });
const headerName = z.string().regex(/^[A-Za-z0-9-]{1,64}$/, { message: "must be the name of a header" });

const inClear = "would hold a secret in clear: name it as credentialSecret, and say in login how it is sent";

/** What an answer must hold. All conditions must be met. */
const expectation = z
  .strictObject({
    /** On the body, as a whole or on what a path such as $.checks[0].status leads to. */
    body: z
      .array(
        z
          .strictObject({
            path: z
              .string()
              .regex(/^\$(?:\.[A-Za-z_][\w-]*|\[\d{1,4}\])*$/, { message: "must be a path such as $.checks[0].status" })
              .optional(),
            equals: z.union([z.string(), z.number(), z.boolean(), z.null()]).optional(),
            matches: pattern.optional(),
            not: pattern.optional(),
          })
          .refine(({ equals, matches, not }) => [equals, matches, not].some((given) => given !== undefined), {
            message: "needs equals, matches or not",
          })
          .refine(({ path, equals }) => equals === undefined || path !== undefined, {
            message: "equals needs a path",
          }),
      )
      .default([]),
    /** Header -> what its value must match. */
    headers: z.record(headerName, pattern).default({}),
    /** The whole attempt takes no longer. */
    latency: between("1ms", "60s").optional(),
  })
  .prefault({});

const feed = z.strictObject({
  kind: z.enum(feedKinds),
  url: httpUrl,
  /** The vendor's components or products that count, by name; without, all of them. */
  components: z.array(z.string().min(1)).default([]),
  interval: between("60s", "1d").default("60s"),
});

/** Networks that are refused elsewhere: `loopback` and `private` as words, any other as CIDR. */
const network = z.string().refine((text) => ["loopback", "private"].includes(text) || isNetwork(text), {
  message: "must be loopback, private or a network such as 10.1.2.0/24",
});

const common = {
  name: identifier,
  /** Data sheet that this entry rests on; its own values go before. */
  preset: z.string().optional(),
  /** What stands in braces in the preset's path. */
  params: z
    .record(z.string(), z.string().regex(/^[\w.-]{1,80}$/, { message: "must be letters, digits, . _ and -" }))
    .optional(),
  timeout: between("100ms", "60s").default("5s"),
  interval: between("1s", "1d").default("30s"),
  /** Down when so many of the last attempts failed, up again after so many good ones in a row. */
  confirm: z
    .strictObject({
      failures: z.int().min(1).max(10).default(3),
      of: z.int().min(1).max(20).default(4),
      successes: z.int().min(1).max(10).default(2),
    })
    .refine(({ failures, of }) => failures <= of, { message: "failures cannot be more than of", path: ["of"] })
    .prefault({}),
  budget: z
    .strictObject({
      callsPerMinute: z.int().min(1).max(600).default(120),
      bytesPerMinute: z
        .int()
        .min(1_024)
        .max(64 * 2 ** 20)
        .default(4 * 2 ** 20),
    })
    .prefault({}),
  /** Networks that its addresses may lie in besides public ones. */
  allow: z.array(network).default([]),
  /** An attempt succeeds only when it fails for one of these reasons: for what must not be reachable. */
  expectFailure: z.array(z.enum(["dns", "connect", "tls", "timeout", "auth"])).default([]),
  /** The one authority whose certificates are trusted for it, in the place of the public ones. */
  ca: certificate.optional(),
  feed: feed.optional(),
  /** Announced by us: what is down meanwhile is in maintenance. */
  maintenance: z
    .array(
      z
        .strictObject({ from: instant, until: instant })
        .refine(({ from, until }) => Date.parse(from) < Date.parse(until), { message: "ends before it begins" }),
    )
    .default([]),
};

/** The entry's shape; `credential` names where its secret comes from. Presets are filled in before anything is checked. */
export const integrationShape = <C extends z.ZodRawShape>(credential: C) => {
  const own = { ...common, ...credential };
  const kinds = z.discriminatedUnion("probe", [
    z.strictObject({
      ...own,
      probe: z.literal("http"),
      url: httpUrl,
      method: z.enum(["GET", "HEAD"]).default("GET"),
      headers: z
        .record(headerName, z.string().regex(/^[\x20-\x7e]*$/))
        .superRefine((headers, { addIssue }) => {
          for (const name of Object.keys(headers).filter(namesSecret))
            addIssue({ code: "custom", path: [name], message: inClear });
        })
        .default({}),
      /** How the credential is sent. */
      login: z
        .discriminatedUnion("as", [
          z.strictObject({ as: z.literal("bearer") }),
          z.strictObject({ as: z.literal("basic"), user: z.string().min(1) }),
          z.strictObject({ as: z.literal("header"), header: headerName }),
          z.strictObject({ as: z.literal("query"), parameter: z.string().regex(/^[\w.-]{1,64}$/) }),
        ])
        .default({ as: "bearer" }),
      redirects: z.int().min(0).max(3).default(0),
      expectStatus: z.array(z.int().min(100).max(599)).min(1).default([200]),
      expect: expectation,
    }),
    z.strictObject({ ...own, probe: z.literal("tcp"), address }),
    z.strictObject({ ...own, probe: z.literal("tls"), address, serverName: z.string().min(1).optional() }),
    z.strictObject({
      ...own,
      probe: z.literal("dns"),
      host: z.string().regex(/^[A-Za-z0-9_.-]{1,253}$/, { message: "must be a host name" }),
      record: z.enum(["A", "AAAA", "CNAME", "MX", "NS", "TXT"]).default("A"),
      /** The resolver that is asked, as address:port; without, the machine's own. */
      server: address.optional(),
      /** What one of the answers must match. */
      matches: pattern.optional(),
    }),
    z.strictObject({ ...own, probe: z.literal("postgres"), address, tls: z.boolean().default(false) }),
    z.strictObject({
      ...own,
      probe: z.literal("redis"),
      address,
      tls: z.boolean().default(false),
      user: z.string().min(1).default("default"),
    }),
  ]);
  return z.preprocess(withPreset, kinds);
};

/** Places on the internet by which the exporter knows whether it is online itself. One alone would be a single point of failure. */
export const anchorsShape = z
  .array(address)
  .max(8)
  .refine((anchors) => anchors.length === 0 || new Set(anchors).size > 1, {
    message:
      "must be two or more different ones, or none: one that is away by itself would look like an outage of ours",
  })
  .default(["one.one.one.one:443", "dns.google:443"]);

function isPattern(text: string): boolean {
  try {
    new RegExp(text);
    return text.length <= 1_000;
  } catch {
    return false;
  }
}
