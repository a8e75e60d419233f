// The way to Redis: one client, a deadline on every call, and a breaker for each shard that lets nothing wait for a Redis that is away.
import { randomBytes } from "node:crypto";
import { Command, Redis } from "ioredis";
import { type Client, connect, type RedisSettings } from "./connect.ts";
import { createDeadline, late, type Then } from "./deadline.ts";
import { functionName, type LibraryFunction, library } from "./library.ts";

/** Both have it; their types do not say so. */
interface Buffers {
  fcallBuffer(name: string, keys: number, ...rest: readonly Argument[]): Promise<unknown>;
}

/** Redis did not do what it was asked: it is away, hangs, is full, or must not be written to. */
export class Unavailable extends Error {
  /** `full`: only new values are refused. */
  override readonly cause: Reason;

  constructor(cause: Reason) {
    super(`Redis is unavailable (${cause})`);
    this.name = "Unavailable";
    this.cause = cause;
  }
}

export type Reason = "open" | "timeout" | "full" | "readonly" | "auth" | "other";

export interface Link {
  /** Runs a function of the library in a shard. Throws Unavailable, and nothing else, within the deadline. */
  call(shard: number, name: LibraryFunction, keys: readonly string[], args: readonly Argument[]): Promise<unknown>;
  /** What lies there, given to `then`; to `otherwise` what `call` would throw. A server that must not be written to refuses this, too. */
  read<T>(shard: number, key: string, then: Then<Buffer | null, T>, otherwise: Then<Unavailable, T>): Promise<T>;
  publish(channel: string, message: string): Promise<void>;
  /** A client of its own for subscriptions. */
  subscriber(): Client;
  isUp(shard: number): boolean;
  /** The shard has missed something: nothing uses it until `onReturn` has made up for that. */
  owe(shard: number): void;
  /** Everything lies in one server, and a connection is to the same one as long as it lasts. */
  readonly single: boolean;
  /** Keys of this form on every master, a few at a time. Throws when one does not answer. */
  scan(match: string): AsyncIterable<readonly string[]>;
  close(): void;
}

export type Argument = string | number | Buffer;

export interface LinkOptions {
  readonly redis: RedisSettings;
  readonly shards: number;
  readonly deadlineMs: number;
  readonly marksOf: (shard: number) => string;
  /** Runs when a shard has answered after it was away, before anything else uses it; a failure keeps it away. */
  readonly onReturn: (shard: number, call: Link["call"]) => Promise<void>;
  /** The shard has just gone (false) or is back (true). */
  readonly onChange?: (shard: number, up: boolean) => void;
}

/** The most usual command, with less to do than ioredis has for any: keys are plain, so the length of one is known. */
class Look extends Command {
  /** As ioredis makes them itself: V8 is faster where all have one shape. */
  static readonly #options = { errorStack: undefined, keyPrefix: undefined, replyEncoding: null };
  readonly #key: string;

  constructor(key: string) {
    super("getex", [key], Look.#options as object);
    this.#key = key;
  }

  override toWritable(): string {
    return `*2\r\n$5\r\ngetex\r\n$${this.#key.length}\r\n${this.#key}\r\n`;
  }
}

const failuresToOpen = 3;
const scanned = 100;
/** Commands. */
const packet = 32;
const probeMs = { first: 50, most: 800 } as const;

export function createLink({ redis, shards, deadlineMs, marksOf, onReturn, onChange }: LinkOptions): Link {
  const client = connect(redis, false);
  const { within, answered, busy } = createDeadline(deadlineMs);
  const buffers = client as unknown as Buffers;
  const health = Array.from({ length: shards }, (_, shard) => {
    const state = {
      up: false,
      owes: false,
      failures: 0,
      answered: (): void => {
        state.failures = 0;
      },
      refused: (thrown: unknown): Unavailable => {
        const reason = reasonOf(thrown);
        failed(shard, reason);
        return new Unavailable(reason);
      },
    };
    return state;
  });
  const timers = new Set<NodeJS.Timeout>();
  let closed = false;

  const send = async (name: LibraryFunction, keys: readonly string[], args: readonly Argument[]): Promise<unknown> => {
    const run = () => buffers.fcallBuffer(functionName(name), keys.length, ...keys, ...args);
    try {
      return await within(run());
    } catch (thrown) {
      if (!isUnknownFunction(thrown)) throw thrown;
      await within(load(mastersOf(client)));
      return within(run());
    }
  };
  const directly: Link["call"] = (_shard, name, keys, args) => send(name, keys, args).catch(refuse);
  const away = (shard: number): void => {
    const state = health[shard];
    if (state === undefined || !state.up) return;
    state.up = false;
    onChange?.(shard, false);
    probe(shard, probeMs.first);
  };
  const failed = (shard: number, reason: Reason): void => {
    const state = health[shard];
    if (state === undefined || reason === "full") return;
    // A server that may not be written to, or that wants another password, says so at once and for certain.
    if (++state.failures >= failuresToOpen || reason === "readonly" || reason === "auth") away(shard);
    if (reason === "readonly" && client instanceof Redis) client.disconnect(true);
  };
  const probe = (shard: number, afterMs: number): void => {
    if (closed) return;
    const timer = setTimeout(async () => {
      timers.delete(timer);
      try {
        const state = health[shard];
        if (state === undefined) return;
        await directly(shard, "probe", [marksOf(shard)], [nonce()]);
        do {
          state.owes = false;
          await onReturn(shard, directly);
          // What was refused meanwhile comes first, too.
        } while (state.owes);
        if (closed) return;
        state.up = true;
        state.failures = 0;
        onChange?.(shard, true);
      } catch (thrown) {
        if (client instanceof Redis && thrown instanceof Unavailable && afterMs >= probeMs.most)
          if (thrown.cause === "timeout" || thrown.cause === "readonly")
            // A connection on which nothing comes any more is not told from a server that hangs.
            client.disconnect(true);
        probe(shard, Math.min(probeMs.most, afterMs * 2) * (0.75 + Math.random() / 2));
      }
    }, afterMs);
    timer.unref();
    timers.add(timer);
  };
  const goneAll = (): void => {
    for (let shard = 0; shard < shards; shard++) away(shard);
  };

  /**
   * What is asked in one turn of the event loop travels in a few packets: a system call each costs more than all else, and while one
   * packet waited for the last of them, Redis would have nothing to do.
   */
  let asked = 0;
  let corked: Redis["stream"] | undefined;
  const uncork = (): void => {
    asked = 0;
    corked?.uncork();
    corked = undefined;
  };
  const together = (): void => {
    // Who asks while nobody else waits goes at once.
    if (!busy()) return;
    if (++asked === 1) process.nextTick(uncork);
    else if (asked === 2 && client instanceof Redis) {
      corked = client.stream;
      corked.cork();
    } else if (asked % packet === 0) {
      corked?.uncork();
      corked?.cork();
    }
  };
  /** Past an open breaker nothing goes; what fails counts. */
  const guarded = <V>(shard: number, run: () => Promise<V>): Promise<V> => {
    const state = health[shard];
    if (state?.up !== true) return Promise.reject(new Unavailable("open"));
    together();
    return run().then(
      (answer) => {
        state.answered();
        return answer;
      },
      (thrown: unknown) => {
        throw state.refused(thrown);
      },
    );
  };

  client.on("error", () => {});
  client.on("close", goneAll);
  client.once("ready", () => {
    for (let shard = 0; shard < shards; shard++) probe(shard, 0);
  });

  return {
    call: (shard, name, keys, args) => guarded(shard, () => send(name, keys, args)),
    read: (shard, key, then, otherwise) => {
      const state = health[shard];
      if (state?.up !== true) return Promise.reject(new Unavailable("open")).catch(otherwise);
      together();
      const command = new Look(key);
      void client.sendCommand(command);
      return answered(command, state, then, otherwise);
    },
    publish: async (channel, message) => {
      await within(client.publish(channel, message)).catch(() => {});
    },
    subscriber: () => connect(redis, true),
    single: shards === 1 && client instanceof Redis,
    isUp: (shard) => health[shard]?.up === true,
    owe: (shard) => {
      const state = health[shard];
      if (state !== undefined) state.owes = true;
      away(shard);
    },
    scan: async function* (match) {
      for (const master of mastersOf(client)) {
        let cursor = "0";
        do {
          const [next, keys] = await within(master.scan(cursor, "MATCH", match, "COUNT", scanned));
          cursor = next;
          if (keys.length > 0) yield keys;
        } while (cursor !== "0");
      }
    },
    close: () => {
      closed = true;
      for (const timer of timers) clearTimeout(timer);
      client.disconnect();
    },
  };
}

const ownName = randomBytes(9).toString("base64url");
let nonces = 0;
/** Never the same twice, in any process: names an epoch or a lease. */
export const nonce = (): string => `${ownName}.${(++nonces).toString(36)}`;

const mastersOf = (client: Client): readonly Redis[] => (client instanceof Redis ? [client] : client.nodes("master"));

async function load(masters: readonly Redis[]): Promise<void> {
  await Promise.all(
    masters.map((master) =>
      master.call("FUNCTION", "LOAD", library).catch((thrown: unknown) => {
        if (!/already exists/.test(String(thrown))) throw thrown;
      }),
    ),
  );
}

const refuse = (thrown: unknown): never => {
  throw new Unavailable(reasonOf(thrown));
};

const isUnknownFunction = (thrown: unknown): boolean => /Function not found/.test(String(thrown));

function reasonOf(thrown: unknown): Reason {
  if (thrown === late) return "timeout";
  const text = String(thrown);
  if (/\bOOM\b/.test(text)) return "full";
  if (/READONLY|MASTERDOWN/.test(text)) return "readonly";
  if (/NOAUTH|WRONGPASS|NOPERM/.test(text)) return "auth";
  return "other";
}
