// The cache as a program uses it: the parts put together, and identifiers and targets in the program's own words.
import { performance } from "node:perf_hooks";
import { type Asked, keyOf, parametersOf } from "./asked.ts";
import { type Bus, createBus } from "./bus.ts";
import { type Change, everything, nothing } from "./change.ts";
import type { RedisSettings } from "./connect.ts";
import { createEnvelopes, type Encryption, type Serializer } from "./envelope.ts";
import { cacheError } from "./errors.ts";
import { createInvalidator } from "./invalidator.ts";
import { createLink } from "./link.ts";
import { createMemory, type MemoryOptions } from "./memory.ts";
import { createNames, type Hashing, type Parameters } from "./names.ts";
import { problemsOf } from "./options.ts";
import { type IdOf, type Policies, planAll, type Scalar, type Tag, type ValueOf } from "./policy.ts";
import { createReader } from "./reader.ts";
import { createStatistics, type InvalidationKind, type Sample, type Statistics, samplesOf } from "./statistics.ts";
import { createSweeper } from "./sweeper.ts";
import { type Warmed, warm } from "./warm.ts";

export interface CacheOptions<P extends Policies> {
  readonly redis: RedisSettings;
  /** Begins every key; caches of one namespace share values and invalidations. */
  readonly namespace: string;
  readonly policies: P;
  /** Values that the process keeps itself; `false`: none. */
  readonly l1?: MemoryOptions | false;
  readonly encryption?: Encryption & { readonly hashing?: Hashing };
  readonly serializer?: Serializer;
  readonly telemetry?: CacheTelemetry;
  /** Milliseconds that Redis has for each command; default 250. */
  readonly deadlineMs?: number;
}

/** Where numbers go; `telemetry/metrics.ts` fits. */
export interface CacheTelemetry {
  readonly source?: (samples: () => readonly Sample[]) => void;
  readonly observeLoad?: (cache: string, seconds: number) => void;
  /** Each answer of Redis to a read. Values of the process's own are not timed: that would take longer than they do. */
  readonly observeRead?: (cache: string, seconds: number) => void;
  /** Runs each load, as in a span of its own; a hit costs none. */
  readonly traceLoad?: <V>(cache: string, load: () => Promise<V>) => Promise<V>;
}

/** What is to be invalid from now on. */
export type Target<P extends Policies> =
  | { readonly [Name in keyof P & string]: { readonly key: readonly [Name, IdOf<P[Name]>] } }[keyof P & string]
  | { readonly tag: Tag | string }
  /** A key with `*` in the place of whole segments: `appointments:*`. */
  | { readonly pattern: string }
  /** Members of related sets: `{ patient: 5 }`. */
  | { readonly related: Readonly<Record<string, Scalar>> };

export interface Invalidated {
  /**
   * True: no process serves any more what the target covered. False: Redis could not be reached; this process makes up for it
   * when Redis is back.
   */
  readonly complete: boolean;
}

export interface Cache<P extends Policies> {
  /** Resolves to `true` once Redis answers, or to `false` after so many milliseconds without. */
  ready(withinMs?: number): Promise<boolean>;
  /** The value, or undefined. */
  get<Name extends keyof P & string>(policy: Name, id: IdOf<P[Name]>): Promise<ValueOf<P[Name]>>;
  /** Stores a value that is right now; other processes drop theirs. `undefined` deletes. Rejects when it cannot be serialized. */
  set<Name extends keyof P & string>(policy: Name, id: IdOf<P[Name]>, value: ValueOf<P[Name]>): Promise<Invalidated>;
  /**
   * Saves to the source by `save`, then makes invalid what was kept, or `invalidates`; also when that fails, because nobody knows then
   * what the source has. Where the policy's strategy is `write-through`, the value is kept: it has to be what a load would give.
   */
  save<Name extends keyof P & string>(
    policy: Name,
    id: IdOf<P[Name]>,
    value: ValueOf<P[Name]>,
    save: () => Promise<void>,
    invalidates?: Target<P>,
  ): Promise<Invalidated>;
  delete<Name extends keyof P & string>(policy: Name, id: IdOf<P[Name]>): Promise<Invalidated>;
  /** The value that this process keeps, if it may be served and nobody has to load it anew; never asks Redis. */
  peek<Name extends keyof P & string>(policy: Name, id: IdOf<P[Name]>): ValueOf<P[Name]>;
  /**
   * The value, loaded when it is not there. Rejects only with what `load` rejects with, or when the id lacks something. The value is
   * shared: do not change it.
   */
  wrap<Name extends keyof P & string, V extends ValueOf<P[Name]>>(
    policy: Name,
    id: IdOf<P[Name]>,
    load: () => Promise<V>,
  ): Promise<V>;
  /** Loads what is not there of these, so many together (default 8): before a start, or after a flush. */
  warm<Name extends keyof P & string>(
    policy: Name,
    ids: Iterable<IdOf<P[Name]>>,
    load: (id: IdOf<P[Name]>) => Promise<ValueOf<P[Name]>>,
    together?: number,
  ): Promise<Warmed>;
  invalidate(target: Target<P>): Promise<Invalidated>;
  /** Makes everything in the namespace invalid. */
  flush(): Promise<Invalidated>;
  /** Switches caching off or on in all processes: while it is off, every read goes to its source. */
  switch(to: "off" | "on"): Promise<Invalidated>;
  /** Resolves when Redis is rid of what this process has made invalid by patterns and flushes. It takes nobody's time but its own. */
  swept(): Promise<void>;
  stats(): CacheStats;
  close(): Promise<void>;
}

export interface CacheStats {
  readonly policies: Readonly<Record<string, Readonly<ReturnType<Statistics["of"]>> & { readonly hitRatio: number }>>;
  readonly up: boolean;
  readonly off: boolean;
  readonly entries: number;
  readonly bytes: number;
  /** Whether invalidations wait for Redis to come back. */
  readonly pending: boolean;
}

type Observe = NonNullable<CacheTelemetry["observeRead"]>;

/** Whatever an observer throws, no read fails by it. */
const harmless = (observe: Observe | undefined): Observe | undefined =>
  observe &&
  ((cache, seconds) => {
    try {
      observe(cache, seconds);
    } catch {
      // Its own to tell.
    }
  });

export function createCache<const P extends Policies>(options: CacheOptions<P>): Cache<P> {
  const { redis, namespace, policies, l1 = {}, encryption, deadlineMs = 250, telemetry = {} } = options;
  const plans = planAll(policies, (encryption?.keys.length ?? 0) > 0, problemsOf(options));
  // The same in every process of a namespace.
  const shards = "cluster" in redis ? 32 : 1;
  const names = createNames({ namespace, shards, hashing: encryption?.hashing });
  const statistics = createStatistics(plans.keys());
  const memory = l1 === false ? undefined : createMemory(l1, (policy) => void statistics.of(policy).evictions++);

  const link = createLink({
    redis,
    shards,
    deadlineMs,
    marksOf: names.marks,
    onReturn: async (shard, call) => {
      await invalidator.replay(shard, call);
      await reader.settle(shard, call);
    },
    onChange: (shard, up) => {
      if (shard !== 0) return;
      if (up) void bus.renew();
      else bus.parted();
    },
  });
  const invalidator = createInvalidator({ link, names, shards, bus: () => bus });
  const sweeper = createSweeper(link, names);
  const onChange = (change: Change): void => {
    reader.detach();
    if (memory === undefined) return;
    if (change.all || change.off === true) memory.clear();
    for (const name of change.names) memory.dropName(name);
    for (const tag of change.tags) memory.dropTag(tag);
    if (change.patterns.length > 0) memory.dropPatterns(change.patterns);
  };
  const bus: Bus = createBus({ link, channel: names.channel, marks: names.marks(0), onChange });
  const reader = createReader({
    link,
    names,
    bus: () => bus,
    memory,
    envelopes: createEnvelopes(options.serializer, encryption),
    observeLoad: harmless(telemetry.observeLoad) ?? (() => {}),
    observeRead: harmless(telemetry.observeRead),
    traceLoad: telemetry.traceLoad ?? ((_cache, load) => load()),
  });

  const known = new Map([...plans].map(([name, plan]) => [name, { plan, counts: statistics.of(name) }]));
  const knownAs = (policy: string) => {
    const found = known.get(policy);
    if (found !== undefined) return found;
    throw cacheError(
      `policy ${JSON.stringify(policy)}`,
      "there is none",
      `Use one of ${[...plans.keys()].join(", ")}.`,
    );
  };
  const ask = (policy: string, id: unknown): Asked => {
    const { plan, counts } = knownAs(policy);
    const key = keyOf(plan, id);
    let parameters: Parameters | undefined;
    return {
      plan,
      counts,
      key,
      parameters: () => {
        parameters ??= parametersOf(plan, id);
        return parameters;
      },
    };
  };
  const run = async (kind: InvalidationKind, change: Change, kept?: string): Promise<Invalidated> => {
    statistics.invalidations[kind]++;
    const complete = await invalidator.run(change, kept);
    if (complete) sweeper.sweep(change.all ? ["**"] : change.patterns);
    else statistics.unfinished.count++;
    return { complete };
  };
  const remove = async (policy: string, id: unknown): Promise<Invalidated> => {
    const { plan } = knownAs(policy);
    return run("key", { ...nothing, names: names.every(plan, parametersOf(plan, id)).map(({ name }) => name) });
  };
  /** A value that was not stored must not leave the one before it in place. */
  const put = async (policy: string, id: unknown, value: unknown, save?: () => Promise<void>): Promise<Invalidated> => {
    const asked = ask(policy, id);
    const parameters = asked.parameters();
    const every = names.every(asked.plan, parameters).map(({ name }) => name);
    const name = names.current(asked.plan, parameters);
    const change = { ...nothing, names: every };
    let stored: boolean;
    try {
      stored = await reader.put(asked, value, name, save);
    } catch (thrown) {
      await run("key", change);
      throw thrown;
    }
    return run("key", change, stored ? name.name : undefined);
  };
  const invalidate = async (target: Target<P>): Promise<Invalidated> => {
    if ("key" in target) return remove(...(target.key as readonly [string, unknown]));
    if ("tag" in target) {
      const tag = typeof target.tag === "string" ? (target.tag.split(":") as unknown as Tag) : target.tag;
      return run("tag", { ...nothing, tags: names.everyTag(tag) });
    }
    if ("pattern" in target)
      return run("pattern", { ...nothing, patterns: names.patterns(plans.values(), target.pattern) });
    return run("related", { ...nothing, tags: Object.entries(target.related).flatMap((tag) => names.everyTag(tag)) });
  };
  const now = () => ({
    up: Array.from({ length: shards }, (_, shard) => link.isUp(shard)).every(Boolean),
    off: bus.off(),
    entries: memory?.size ?? 0,
    bytes: memory?.bytes ?? 0,
    pending: invalidator.pending(),
  });
  telemetry.source?.(() => samplesOf(namespace, plans.keys(), statistics, now()));

  return {
    ready: async (withinMs = 5_000) => {
      const end = performance.now() + withinMs;
      while (!(now().up && bus.live(performance.now()))) {
        if (performance.now() > end) return false;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return true;
    },
    get: (policy, id) => reader.get(ask(policy, id)) as Promise<never>,
    peek: (policy, id) => reader.peek(ask(policy, id)) as never,
    warm: (policy, ids, load, together = 8) =>
      warm(
        ids,
        async (id) => {
          let loaded = false;
          await reader.wrap(ask(policy, id), () => {
            loaded = true;
            return load(id);
          });
          return loaded;
        },
        together,
      ),
    wrap: <V>(policy: string, id: unknown, load: () => Promise<V>) => reader.wrap(ask(policy, id), load) as Promise<V>,
    set: (policy, id, value) => put(policy, id, value),
    save: async (policy, id, value, save, target) => {
      const stored = knownAs(policy).plan.strategy === "write-through" && target === undefined;
      if (stored) return put(policy, id, value, save);
      const given = target ?? ({ key: [policy, id] } as unknown as Target<P>);
      try {
        await save();
      } catch (thrown) {
        await invalidate(given);
        throw thrown;
      }
      return invalidate(given);
    },
    delete: remove,
    invalidate,
    flush: () => run("flush", everything),
    switch: (to) => run("switch", { ...nothing, off: to === "off" }),
    swept: sweeper.done,
    stats: () => ({
      ...now(),
      policies: Object.fromEntries(
        [...plans.keys()].map((policy) => {
          const each = statistics.of(policy);
          return [policy, { ...each, hitRatio: each.requests === 0 ? 0 : (each.l1Hits + each.l2Hits) / each.requests }];
        }),
      ),
    }),
    close: async () => {
      await bus.close();
      link.close();
    },
  };
}
