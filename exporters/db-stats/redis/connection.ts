// A connection to Redis that is asked for INFO once per scrape, whatever the number of collectors.
import type { Redis } from "ioredis";
import { redis as rows } from "../../../telemetry/catalogue/redis.ts";
import { type Collector, CollectorError, type Run, type Sample, sampler } from "../../collector.ts";
import { causeOf } from "../causes.ts";
import type { DatabaseEntry } from "../config.ts";
import type { Connection, Connections, Owner } from "../connections.ts";
import { endpointOf } from "../endpoint.ts";
import { readPassword } from "../password.ts";
import { tlsOf } from "../tls.ts";
import { lastWords } from "./last-words.ts";

/** INFO's fields by name. */
export type Info = ReadonlyMap<string, string>;

export interface RedisContext extends Pick<Run, "dropped"> {
  /** All sections; collectors of one scrape share the answer. */
  info(): Promise<Info>;
  /** One read-only command; undefined where the user may not give it. */
  ask<Answer>(...command: readonly [string, ...string[]]): Promise<Answer | undefined>;
}

export type RedisCollector = Collector<RedisContext>;

/** A sample of a `redis_*` metric. */
export const rd = sampler(rows, "database");

export interface RedisConnection extends Connection {
  readonly client: Redis;
}

const connectTimeoutMs = 3_000;

export function redisOwner(entry: DatabaseEntry, failed: (error: unknown) => void): Owner<RedisConnection> {
  const { host, port } = endpointOf(entry);
  // Loaded only where it is used, and not while a scrape waits for it.
  const loading = import("ioredis");
  return {
    id: entry.id,
    server: `${host}:${port}`,
    open: async (signal) => {
      const { Redis: Library } = await loading;
      const [password, tls] = await Promise.all([readPassword(entry.passwordFile), tlsOf(entry)]).catch((error) => {
        failed(error);
        throw error;
      });
      // The time may be over before there is anything that could be given up.
      if (signal.aborted) throw new CollectorError("timeout");
      const client = new Library({
        host,
        port,
        ...(password === undefined ? {} : { username: entry.user, password }),
        ...(tls === undefined ? {} : { tls }),
        protocol: 2,
        lazyConnect: true,
        connectTimeout: connectTimeoutMs,
        enableOfflineQueue: false,
        // INFO is asked for anyway, and the user may be allowed little else.
        enableReadyCheck: false,
        disableClientInfo: true,
        maxRetriesPerRequest: 0,
        // A lost connection is opened anew at the next scrape, with the password as it is then.
        retryStrategy: () => null,
        connectionName: "vitals-db-stats",
      });
      let refusal: unknown;
      client.on("error", (error) => {
        refusal ??= error;
      });
      const destroy = (): void => {
        client.disconnect();
        client.stream?.destroy();
      };
      signal.addEventListener("abort", destroy, { once: true });
      try {
        await client.connect();
        if (refusal !== undefined) throw refusal;
        return {
          client,
          healthy: () => client.status === "ready" && refusal === undefined,
          destroy,
          close: () =>
            new Promise((resolve) => {
              client.once("end", resolve);
              client.disconnect();
            }),
        };
      } catch (error) {
        destroy();
        const told = refusal ?? error;
        const better = hungUp(told) ? await lastWords(host, port, tls, signal) : undefined;
        const cause = signal.aborted ? new CollectorError("timeout") : (better ?? told);
        failed(cause);
        throw cause;
      } finally {
        signal.removeEventListener("abort", destroy);
      }
    },
  };
}

const hungUp = (error: unknown): boolean => /^(?:EPIPE|ECONNRESET)$/.test(`${(error as { code?: string }).code}`);

interface Asked {
  readonly command: readonly [string, ...string[]];
  readonly answer: PromiseWithResolvers<unknown>;
}

/** Makes the contexts of one server; an answer lives as long as its scrape. `denied` hears of each command that the user may not give. */
export function redisContexts(
  connections: Connections,
  owner: Owner<RedisConnection>,
  denied: (command: string) => void,
): (run: Run) => RedisContext {
  const answers = new WeakMap<object, Promise<Info>>();
  const batches = new WeakMap<object, Asked[]>();

  /** What collectors of one scrape ask at the same moment goes to the server together: one round trip for all. */
  const call = (round: object, signal: AbortSignal, command: Asked["command"]): Promise<unknown> => {
    const answer = Promise.withResolvers<unknown>();
    const waiting = batches.get(round);
    if (waiting !== undefined) waiting.push({ command, answer });
    else {
      const batch: Asked[] = [{ command, answer }];
      batches.set(round, batch);
      setImmediate(() => {
        batches.delete(round);
        void send(batch, signal);
      });
    }
    return answer.promise;
  };
  const send = async (batch: readonly Asked[], signal: AbortSignal): Promise<void> => {
    const fail = (error: unknown): void => {
      for (const { answer } of batch) answer.reject(new CollectorError(causeOf(error), error));
    };
    await connections
      .with(owner, signal, async ({ client, destroy }) => {
        const given = await Promise.allSettled(batch.map(({ command: [name, ...args] }) => client.call(name, ...args)));
        for (const [index, result] of given.entries()) {
          if (result.status === "fulfilled") batch[index]?.answer.resolve(result.value);
          else {
            const cause = causeOf(result.reason);
            if (cause === "permission") denied(batch[index]?.command[0] ?? "");
            // The connection may be one that an earlier password opened.
            else destroy();
            batch[index]?.answer.reject(new CollectorError(cause, result.reason));
          }
        }
      })
      .catch(fail);
  };

  return ({ round, signal, dropped }) => ({
    dropped,
    info: () => {
      const known = answers.get(round);
      if (known !== undefined) return known;
      const asked = call(round, signal, ["info", "everything"]).then((text) => parseInfo(`${text}`));
      answers.set(round, asked);
      return asked;
    },
    ask: async <Answer>(...command: Asked["command"]) => {
      try {
        return (await call(round, signal, command)) as Answer;
      } catch (error) {
        if (error instanceof CollectorError && error.kind === "permission") return undefined;
        throw error;
      }
    },
  });
}

export const parseInfo = (text: string): Info =>
  new Map(
    text.split(/\r?\n/).flatMap((line) => {
      const colon = line.indexOf(":");
      return colon > 0 && !line.startsWith("#") ? [[line.slice(0, colon), line.slice(colon + 1)] as const] : [];
    }),
  );

/** Those that the target's label alone tells apart. */
type Metric = {
  [N in keyof typeof rows]: Exclude<keyof (typeof rows)[N]["labels"], "database"> extends never ? N : never;
}[keyof typeof rows];

/** One sample per field that the server gave; a field that an older server lacks is left out. No key is one that the catalogue lacks. */
export const fromFields = <F extends Readonly<Partial<Record<Metric, string>>>>(
  info: Info,
  fields: F & Readonly<Record<Exclude<keyof F, Metric>, never>>,
): readonly Sample[] =>
  (Object.entries(fields) as [Metric, string][]).flatMap(([metric, field]) => {
    const value = Number(info.get(field) ?? Number.NaN);
    return Number.isFinite(value) ? [rd(metric, value)] : [];
  });
