// Carries a change to every shard and every process, and keeps what could not be carried until it can.
import { type Announced, type Bus, leaseMs } from "./bus.ts";
import { type Change, encode, isEmpty, merge, nothing } from "./change.ts";
import { type Link, nonce } from "./link.ts";
import type { Names } from "./names.ts";

export interface Invalidator {
  /**
   * True when it is complete: no process serves what it covers any more. False when Redis could not be reached; then this
   * process remembers it and makes up for it when Redis is back. `kept` is an entry that was just written and only told of.
   */
  run(change: Change, kept?: string): Promise<boolean>;
  /** Makes up for what a shard missed; to be called before anything else uses the shard again. */
  replay(shard: number, call: Link["call"]): Promise<void>;
  /** Whether something is still to be made up for. */
  pending(): boolean;
}

export interface InvalidatorOptions {
  readonly link: Link;
  readonly names: Names;
  readonly shards: number;
  readonly bus: () => Bus;
}

/** What a shard has missed, and what the processes have to hear of once it has been made up for. */
interface Missed {
  readonly part: Change;
  readonly change: Change;
}

const control = 0;

export function createInvalidator({ link, names, shards, bus }: InvalidatorOptions): Invalidator {
  const journal = new Map<number, Missed>();
  const remember = (shard: number, part: Change, change: Change): void => {
    const before = journal.get(shard);
    journal.set(shard, {
      part: merge(before?.part ?? nothing, part),
      change: merge(before?.change ?? nothing, change),
    });
    link.owe(shard);
  };
  /** Applies a part to a shard; with a message, tells the processes at the same moment. */
  const send = async (call: Link["call"], shard: number, part: Change, message = ""): Promise<Announced> => {
    const marks = names.marks(shard);
    const telling = (last: boolean) => (last && message !== "" ? [names.channel, message, leaseMs] : ["", "", leaseMs]);
    let answer: unknown = [];
    const switches = part.off !== undefined;
    if (part.all) answer = await call(shard, "flush", [marks], [nonce(), ...telling(!switches)]);
    else if (!switches || part.names.length + part.tags.length + part.patterns.length > 0) {
      const keys = part.names.map(names.place).flatMap(({ entry, lease }) => [entry, lease]);
      const args = [nonce(), ...telling(!switches), part.tags.length, ...part.tags, ...part.patterns];
      answer = await call(shard, "invalidate", [marks, ...keys], args);
    }
    if (switches) answer = await call(shard, "switch", [marks], [nonce(), ...telling(true), part.off ? "1" : ""]);
    return announcedOf(answer as readonly unknown[]);
  };
  const messageOf = (change: Change): string => `${bus().id} ${encode(change)}`;

  return {
    run: async (change, kept) => {
      const parts = split(change, names, shards, kept);
      let complete = true;
      const carry = async (shard: number, part: Change): Promise<void> => {
        try {
          await send(link.call, shard, part);
        } catch {
          complete = false;
          remember(shard, part, change);
        }
      };
      await Promise.all([...parts].map(([shard, part]) => (shard === control ? undefined : carry(shard, part))));
      // Told last: who hears of it finds it done everywhere.
      const own = parts.get(control) ?? nothing;
      let announced: Announced | undefined;
      try {
        announced = await send(link.call, control, own, messageOf(change));
      } catch {
        complete = false;
        remember(control, own, change);
      }
      bus().apply(change);
      if (announced !== undefined) await bus().acknowledged(announced);
      return complete;
    },
    replay: async (shard, call) => {
      const missed = journal.get(shard);
      if (missed === undefined) return;
      journal.delete(shard);
      try {
        const message = messageOf(missed.change);
        if (shard === control) await send(call, shard, missed.part, message);
        else {
          await send(call, shard, missed.part);
          await send(link.call, control, nothing, message).catch(() => remember(control, nothing, missed.change));
        }
      } catch (thrown) {
        remember(shard, missed.part, missed.change);
        throw thrown;
      }
    },
    pending: () => journal.size > 0,
  };
}

/** What each shard has to do: names lie in one, everything else concerns all. */
function split(change: Change, names: Names, shards: number, kept: string | undefined): ReadonlyMap<number, Change> {
  const named = Map.groupBy(
    change.names.filter((name) => name !== kept),
    (name) => names.place(name).shard,
  );
  const parts = new Map<number, Change>();
  for (let shard = 0; shard < shards; shard++) {
    const part = { ...change, names: named.get(shard) ?? [] };
    if (!isEmpty(part)) parts.set(shard, part);
  }
  return parts;
}

function announcedOf([name, unknownMs, ...rest]: readonly unknown[]): Announced {
  const members = [];
  for (let index = 0; index + 1 < rest.length; index += 2)
    members.push({ id: String(rest[index]), leaseMs: Number(rest[index + 1]) });
  return { name: String(name ?? ""), unknownMs: Number(unknownMs ?? 0), members };
}
