// What is cached, for how long, and what makes it invalid: data, checked once when a cache is made.
import { CacheError, type CacheProblem } from "./errors.ts";

export interface Policy {
  /** Segments by colons; those in braces are identifiers and never leave the process in clear: `inventory:{location}`. */
  readonly key: string;
  /** How values come in; default `cache-aside`. */
  readonly strategy?: Strategy;
  /** Seconds for which a value is fresh; default 300. */
  readonly ttl?: number;
  /** The type of its values, for the compiler alone: `of: type<Patient>()`. */
  readonly of?: Typed<unknown>;
  /** Share of `ttl` by which it is shortened at random, so that what was stored together does not expire together; default 0.1. */
  readonly jitter?: number;
  /** Seconds after `ttl` for which the value is still served while it is loaded anew; default 0. */
  readonly staleWhileRevalidate?: number;
  /** Seconds after `ttl` for which the value is served when its load fails; default 0. Never serves what was invalidated. */
  readonly staleIfError?: number;
  /** Seconds for which `null` is kept; default 60. 0: never. `undefined` is never kept. */
  readonly negativeTtl?: number;
  /** Loads anew before the end with a chance that grows towards it and with the time that a load takes (XFetch); default true. */
  readonly earlyRefresh?: boolean;
  /** What else invalidates it: a static word, or `kind:{parameter}`. */
  readonly tags?: readonly string[];
  /** Further tags that only the value tells, such as `["location", visit.locationId]`. */
  readonly valueTags?: (value: never) => readonly Tag[];
  /** The sets that it is part of, each with the parameter that names the member: `{ patient: "patient" }`. */
  readonly related?: Readonly<Record<string, string>>;
  /** Bytes of the stored form; a bigger value is not stored. Default 1 MiB. */
  readonly maxBytes?: number;
  /** Bytes from which on the stored form is compressed; default 4 KiB. */
  readonly compressFrom?: number;
  /** Whether the stored value is encrypted; needs `encryption`. */
  readonly encrypted?: boolean;
  /** Whether this process keeps values of its own; default true. */
  readonly l1?: boolean;
  /** Seconds that a caller waits for another process that loads the same; default 10. */
  readonly wait?: number;
}

/**
 * `cache-aside`: a value is loaded when somebody asks for it, and a save makes it invalid. `write-through`: the value that was saved is
 * kept at once. `refresh-ahead`: who asks in the last fifth of its time has it loaded anew, and nobody waits for that.
 */
export const strategies = ["cache-aside", "write-through", "refresh-ahead"] as const;
export type Strategy = (typeof strategies)[number];

/** A kind and what it is about: `["patient", 5]`. */
export type Tag = readonly [kind: string, ...identifiers: readonly (string | number)[]];
export type Policies = Readonly<Record<string, Policy>>;

declare const held: unique symbol;
export interface Typed<out V> {
  readonly [held]?: V;
}
export const type = <V>(): Typed<V> => ({});
/** A policy's values; `null` is one that is known not to be there. */
export type ValueOf<P extends Policy> = P extends { readonly of: Typed<infer V> } ? V | null | undefined : unknown;

type Holes<Template extends string> = Template extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Holes<Rest>
  : never;
type Several<Names, Each = Names> = Names extends unknown ? ([Each] extends [Names] ? false : true) : never;
export type Scalar = string | number;
/** A policy's identifiers: a scalar when there is one, nothing when there is none. */
export type IdOf<P extends Policy> = string extends P["key"]
  ? Scalar | Readonly<Record<string, Scalar>> | null
  : [Holes<P["key"]>] extends [never]
    ? null
    : true extends Several<Holes<P["key"]>>
      ? { readonly [Name in Holes<P["key"]>]: Scalar }
      : Scalar | { readonly [Name in Holes<P["key"]>]: Scalar };

const minute = 60;

/** The policies of the platform's own records. */
export const clinicPolicies = {
  patient: { key: "patient:{patient}", ttl: 30 * minute, encrypted: true, related: { patient: "patient" } },
  medications: { key: "medications:{patient}", ttl: 60 * minute, encrypted: true, related: { patient: "patient" } },
  appointments: { key: "appointments:{patient}", encrypted: true, related: { patient: "patient" } },
  authorizations: { key: "authorizations:{patient}", encrypted: true, related: { patient: "patient" } },
  insuranceProviders: { key: "insurance-providers", ttl: 120 * minute, strategy: "refresh-ahead" },
  location: {
    key: "location:{location}",
    ttl: 30 * minute,
    strategy: "refresh-ahead",
    related: { location: "location" },
  },
  inventory: { key: "inventory:{location}", ttl: 15 * minute, related: { location: "location" } },
  staff: { key: "staff:{location}", related: { location: "location" } },
  locationAppointments: {
    key: "location-appointments:{location}",
    encrypted: true,
    related: { location: "location" },
  },
} as const satisfies Policies;

/** A policy with every default in place and its templates taken apart. Times in milliseconds. */
export interface Plan {
  readonly name: string;
  readonly segments: readonly Segment[];
  readonly parameters: readonly string[];
  readonly tags: readonly (readonly Segment[])[];
  readonly valueTags: ((value: never) => readonly Tag[]) | undefined;
  readonly strategy: Strategy;
  readonly ttlMs: number;
  readonly jitter: number;
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
  readonly negativeTtlMs: number;
  readonly earlyRefresh: boolean;
  readonly maxBytes: number;
  readonly compressFrom: number;
  readonly encrypted: boolean;
  readonly l1: boolean;
  readonly waitMs: number;
}

/** A word, or the parameter whose value stands there. */
export type Segment = { readonly word: string } | { readonly parameter: string };

const defaults = {
  strategy: "cache-aside",
  ttl: 300,
  jitter: 0.1,
  staleWhileRevalidate: 0,
  staleIfError: 0,
  negativeTtl: 60,
  earlyRefresh: true,
  maxBytes: 1_048_576,
  compressFrom: 4_096,
  encrypted: false,
  l1: true,
  wait: 10,
} as const;

const known = new Set(["key", "of", "tags", "valueTags", "related", ...Object.keys(defaults)]);
/** Nothing lives longer in Redis: marks of invalidations older than that are forgotten there. */
const longestSeconds = 86_400;

/** Plans of all policies. Throws one CacheError with every problem, behind those that are known already. */
export function planAll(
  policies: Policies,
  mayEncrypt: boolean,
  others: readonly CacheProblem[] = [],
): ReadonlyMap<string, Plan> {
  const problems = [...others];
  const plans = new Map<string, Plan>();
  for (const [name, policy] of Object.entries(policies)) {
    const where = `policies.${name}`;
    const problem = (what: string, remedy: string): void => void problems.push({ where, what, remedy });
    if (!/^[A-Za-z][A-Za-z0-9_-]{0,39}$/.test(name))
      problem("the name is not plain", "Use up to 40 letters, digits, - and _: it is a metric's label.");
    for (const option of Object.keys(policy))
      if (!known.has(option)) problem(`${option} is unknown`, `Use ${[...known].join(", ")}.`);
    const plan = planOf(name, policy);
    for (const bad of [...plan.segments, ...plan.tags.flat()])
      if ("word" in bad && !/^[A-Za-z0-9_-]+$/.test(bad.word))
        problem(
          `the segment ${JSON.stringify(bad.word)} is not plain`,
          "Use letters, digits, - and _, or {parameter}.",
        );
      else if ("parameter" in bad && !plan.parameters.includes(bad.parameter))
        problem(`a tag names {${bad.parameter}}, which the key has not`, "Use the key's parameters, or valueTags.");
    for (const other of plans.values())
      if (mayMeet(plan, other))
        problem(`its key may be that of ${other.name}`, "Give each policy a key of its own, such as a first word.");
    const { ttl, negativeTtl, staleWhileRevalidate, staleIfError } = { ...defaults, ...policy };
    const stale = Math.max(staleWhileRevalidate, staleIfError);
    if (!(ttl > 0) || !(ttl + stale <= longestSeconds))
      problem(
        `a value would live for ${ttl + stale} s`,
        `Keep ttl above 0, and with its stale time at most ${longestSeconds} s.`,
      );
    if (!(negativeTtl + stale <= longestSeconds))
      problem(
        `null would live for ${negativeTtl + stale} s`,
        `Keep negativeTtl with the stale time at most ${longestSeconds} s.`,
      );
    for (const [option, least, most] of ranges) {
      const value = policy[option];
      if (value !== undefined && !(value >= least && value <= most))
        problem(`${option} is ${value}`, `Use a number from ${least} to ${most}.`);
    }
    if (!strategies.includes(plan.strategy))
      problem(`strategy is ${JSON.stringify(plan.strategy)}`, `Use one of ${strategies.join(", ")}.`);
    if (plan.encrypted && !mayEncrypt) problem("encrypted, but there is no key", "Give createCache `encryption`.");
    plans.set(name, plan);
  }
  if (problems.length > 0) throw new CacheError(problems);
  return plans;
}

/** Whether two policies may have the same key: an identifier may read like another's word. */
const mayMeet = (one: Plan, other: Plan): boolean =>
  one.segments.length === other.segments.length &&
  one.segments.every((segment, index) => {
    const opposite = other.segments[index];
    return !("word" in segment && opposite !== undefined && "word" in opposite) || segment.word === opposite.word;
  });

const ranges = [
  ["jitter", 0, 0.9],
  ["staleWhileRevalidate", 0, longestSeconds],
  ["staleIfError", 0, longestSeconds],
  ["negativeTtl", 0, longestSeconds],
  ["maxBytes", 1, 512 * 1_048_576],
  ["compressFrom", 0, Number.MAX_SAFE_INTEGER],
  ["wait", 0, 600],
] as const;

function planOf(name: string, policy: Policy): Plan {
  const all = { ...defaults, ...policy };
  const segments = segmentsOf(policy.key);
  const related = Object.entries(policy.related ?? {}).map(([set, parameter]) => [{ word: set }, { parameter }]);
  return {
    name,
    segments,
    parameters: segments.flatMap((segment) => ("parameter" in segment ? [segment.parameter] : [])),
    tags: [...(policy.tags ?? []).map(segmentsOf), ...related],
    valueTags: policy.valueTags,
    strategy: all.strategy,
    ttlMs: all.ttl * 1_000,
    jitter: all.jitter,
    staleWhileRevalidateMs: all.staleWhileRevalidate * 1_000,
    staleIfErrorMs: all.staleIfError * 1_000,
    negativeTtlMs: all.negativeTtl * 1_000,
    earlyRefresh: all.earlyRefresh,
    maxBytes: all.maxBytes,
    compressFrom: all.compressFrom,
    encrypted: all.encrypted,
    l1: all.l1,
    waitMs: all.wait * 1_000,
  };
}

const segmentsOf = (template: string): readonly Segment[] =>
  template.split(":").map((text) => {
    const parameter = /^\{(\w+)\}$/.exec(text)?.[1];
    return parameter === undefined ? { word: text } : { parameter };
  });
