// Clients of one server, of the master that Sentinels name, or of a Cluster, that come back whatever happened to their connections.
import { Cluster, Redis, type RedisOptions } from "ioredis";

export interface Address {
  readonly host: string;
  readonly port: number;
}

interface Login {
  readonly username?: string;
  readonly password?: string;
  readonly tls?: RedisOptions["tls"];
}

/** Redis 7 or newer: one server, the master that Sentinels name, or a Cluster. */
export type RedisSettings = Login &
  (
    | Address
    | { readonly sentinels: readonly Address[]; readonly name: string; readonly sentinelPassword?: string }
    | { readonly cluster: readonly Address[] }
  );

export type Client = Redis | Cluster;

/** For a connection to come about, and again for the server to say its first words on it. */
const greetingMs = 2_000;

/** A client that reconnects for ever; `waits`: what is asked of it meanwhile waits, too. */
export function connect(redis: RedisSettings, waits: boolean): Client {
  const common = {
    ...(redis.username === undefined ? {} : { username: redis.username }),
    ...(redis.password === undefined ? {} : { password: redis.password }),
    ...(redis.tls === undefined ? {} : { tls: redis.tls }),
    enableOfflineQueue: waits,
    maxRetriesPerRequest: null,
    autoResendUnfulfilledCommands: false,
    // Who subscribes does so whenever the connection is ready; the client's own would leave its failure to nobody.
    autoResubscribe: false,
    connectTimeout: greetingMs,
    sentinelCommandTimeout: greetingMs,
    retryStrategy: backOff,
    sentinelRetryStrategy: backOff,
  } satisfies RedisOptions;
  if ("cluster" in redis)
    return new Cluster([...redis.cluster], {
      redisOptions: common,
      enableOfflineQueue: waits,
      clusterRetryStrategy: backOff,
      retryDelayOnFailover: 50,
      retryDelayOnClusterDown: 50,
      slotsRefreshTimeout: 1_000,
      slotsRefreshInterval: 2_000,
    });
  if ("sentinels" in redis)
    return greeted(
      new Redis({
        ...common,
        sentinels: [...redis.sentinels],
        name: redis.name,
        ...(redis.sentinelPassword === undefined ? {} : { sentinelPassword: redis.sentinelPassword }),
        failoverDetector: true,
      }),
    );
  return greeted(new Redis({ ...common, host: redis.host, port: redis.port }));
}

/** Gives a connection up on which nobody ever answers, such as a balancer's whose server has gone: the client would wait for ever. */
function greeted(client: Redis): Redis {
  let timer: NodeJS.Timeout | undefined;
  client.on("connect", () => {
    const { stream } = client;
    timer = setTimeout(() => stream.destroy(), greetingMs).unref();
  });
  const answered = (): void => clearTimeout(timer);
  return client.on("ready", answered).on("close", answered);
}

const backOff = (attempt: number): number => Math.min(20 * 2 ** Math.min(attempt, 6), 500) * (0.75 + Math.random() / 2);
