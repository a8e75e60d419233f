// How the processes of a namespace hear of each other's invalidations, and how long each may rely on having heard all of them.
import { performance } from "node:perf_hooks";
import { type Change, decode, everything, touches } from "./change.ts";
import type { Client } from "./connect.ts";
import { type Head, tagsIn } from "./entry.ts";
import { createHeard } from "./heard.ts";
import type { Link } from "./link.ts";
import { nonce } from "./link.ts";

/** A process may serve values of its own for so long after it last knew that it had missed nothing. */
export const leaseMs = 2_000;
const renewMs = 500;
/** The process's clock may run slower than the server's. */
const marginMs = 50;
/** After so many renewals that Redis answers and that do not come back by the subscription, it leads elsewhere, or nowhere. */
const mostUnheard = 4;

export interface Bus {
  readonly id: string;
  /** Whether nothing was missed, so that what the process keeps itself may be served. */
  live(now: number): boolean;
  /** Whether caching is switched off, as far as this process knows. */
  off(): boolean;
  /** A moment, to be compared later. */
  position(): number;
  /** Whether nothing that covers the entry was heard of since that moment. */
  unchangedSince(position: number, name: string, tags: readonly string[]): boolean;
  /** Whether `leftMs` may know, so that reading an entry without asking for its marks is worth while. */
  judges(now: number): boolean;
  /** Milliseconds that an entry still has; undefined when it may be invalid by what was heard, or is older than that. */
  leftMs(bytes: Buffer, head: Head, name: string, now: number): number | undefined;
  /** The connection on which entries are read is not that of before. */
  parted(): void;
  /** Asks for the lease now. */
  renew(): Promise<void>;
  /** Applies a change here as if it had been heard. */
  apply(change: Change): void;
  /** Waits until each of them has applied the announcement, or may not serve values of its own any more. */
  acknowledged(announced: Announced): Promise<void>;
  close(): Promise<void>;
}

/** What the library returns of an announcement. */
export interface Announced {
  /** `COUNT EPOCH`: counts begin anew with a server. */
  readonly name: string;
  /** Milliseconds for which processes may still serve of which this server does not know. */
  readonly unknownMs: number;
  readonly members: readonly { readonly id: string; readonly leaseMs: number }[];
}

export interface BusOptions {
  readonly link: Link;
  readonly channel: string;
  readonly marks: string;
  /** The change has been heard of, or everything may have changed unheard. */
  readonly onChange: (change: Change) => void;
}

const remembered = 512;

export function createBus({ link, channel, marks, onChange }: BusOptions): Bus {
  const id = nonce();
  const own = `${channel}:${id}`;
  const subscriber: Client = link.subscriber();
  const sent = new Map<string, number>();
  const waiting = new Map<string, { readonly missing: Set<string>; readonly done: () => void }>();
  const early: { readonly name: string; readonly from: string }[] = [];
  let changes: Change[] = [];
  let base = 0;
  let liveUntil = 0;
  let last: string | undefined;
  let lastCount = 0;
  let serial = 0;
  let hears = false;
  let unheard = 0;
  /** What the server that entries are read from says of itself: known per connection, as `last` is for the subscription. */
  let here: string | undefined;
  let off = false;
  /** Milliseconds from this process's clock to the server's, at most. */
  let ahead = 0;
  const heard = createHeard();
  let closed = false;
  /** The same epoch as the same string: each hit compares it, and V8 has to read through two that were cut from longer texts. */
  const one = (epoch: string | undefined): string | undefined =>
    epoch === here ? here : epoch === last ? last : epoch;

  const apply = (change: Change): void => {
    if (change.off !== undefined) off = change.off;
    changes.push(change);
    if (changes.length > remembered) {
      base += changes.length - remembered / 2;
      changes = changes.slice(-remembered / 2);
    }
    onChange(change);
  };
  const missed = (): void => apply(everything);

  /** `COUNT EPOCH SEQUENCE SENDER CHANGE`: announcements are counted, so a missing one is noticed. */
  const hear = (text: string): void => {
    const [count = "", epoch = "", sequence = "", sender = ""] = text.split(" ", 4);
    const number = Number(count);
    const change = decode(text.slice(count.length + epoch.length + sequence.length + sender.length + 4));
    if (change.off !== undefined) off = change.off;
    if (last !== undefined && (epoch !== last || number !== lastCount + 1)) {
      missed();
      heard.begin(Number(sequence));
      void renew();
    } else {
      apply(change);
      heard.add(change, Number(sequence));
    }
    if (last !== undefined) [last, lastCount] = [one(epoch), number];
    const name = `${count} ${epoch}`;
    if (sender === id) acknowledge(name, id);
    else void link.publish(`${channel}:${sender}`, `a ${name} ${id}`);
  };
  /** `r SERIAL COUNT EPOCH SEQUENCE CLOCK OFF`: our own renewal has come back, behind every announcement that came before it. */
  const renewed = ([name = "", count, epoch, sequence, clock, switched]: readonly string[]): void => {
    const at = sent.get(name);
    if (at === undefined) return;
    sent.clear();
    unheard = 0;
    if (epoch !== last || Number(count) !== lastCount) {
      missed();
      heard.begin(Number(sequence));
    }
    [last, lastCount, off] = [one(epoch), Number(count), switched === "1"];
    ahead = Number(clock) - at;
    liveUntil = at + leaseMs - marginMs;
  };
  const acknowledge = (name: string, from: string): void => {
    const wait = waiting.get(name);
    // It may come before the answer to what it acknowledges, which travels on the other connection.
    if (wait === undefined) early.push({ name, from });
    else if (wait.missing.delete(from) && wait.missing.size === 0) wait.done();
    if (early.length > remembered) early.splice(0, remembered / 2);
  };
  subscriber.on("error", () => {});
  subscriber.on("message", (on: string, text: string) => {
    if (on === channel) return hear(text);
    const [kind, ...rest] = text.split(" ");
    if (kind === "a") acknowledge(`${rest[0]} ${rest[1]}`, rest[2] ?? "");
    else renewed(rest);
  });
  const renew = async (lease = leaseMs): Promise<void> => {
    const name = `${++serial}`;
    // What was sent and has not come back in time will not count any more.
    if (sent.size > 8) sent.clear();
    if (lease > 0) sent.set(name, performance.now());
    else sent.clear();
    const epoch = await link.call(0, "renew", [marks], [nonce(), id, lease, own, `r ${name}`]).catch(() => undefined);
    here = epoch === undefined ? undefined : String(epoch);
    last = one(last);
  };
  // Deaf: nobody has to wait for us until we hear again.
  subscriber.on("close", () => {
    if (closed || !hears) return;
    [hears, liveUntil] = [false, 0];
    void renew(0);
  });
  const listen = async (): Promise<void> => {
    await subscriber.subscribe(channel, own);
    hears = true;
    if (!closed) await renew();
  };
  subscriber.on("ready", () => void listen().catch(() => {}));
  const timer = setInterval(() => {
    if (here !== undefined && ++unheard > mostUnheard) {
      unheard = 0;
      subscriber.disconnect(true);
    } else if (hears) void renew();
  }, renewMs);
  timer.unref();

  return {
    id,
    renew: () => renew(),
    live: (now) => now < liveUntil,
    off: () => off,
    position: () => base + changes.length,
    unchangedSince: (position, name, tags) =>
      position >= base && !changes.slice(position - base).some((change) => touches(change, name, tags)),
    judges: (now) => now < liveUntil && here !== undefined && here === last && !off,
    leftMs: (bytes, head, name, now) =>
      head.epoch === last && heard.leaves(head.sequence, name, () => tagsIn(bytes, head))
        ? head.end - (now + ahead)
        : undefined,
    parted: () => {
      here = undefined;
    },
    apply,
    acknowledged: ({ name, unknownMs, members }) => {
      const already = new Set(early.filter((ack) => ack.name === name).map(({ from }) => from));
      const others = members.filter((member) => !already.has(member.id));
      const longest = Math.max(unknownMs, 0, ...others.map((member) => member.leaseMs));
      if (longest === 0) return Promise.resolve();
      return new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(timeout);
          waiting.delete(name);
          resolve();
        };
        const timeout = setTimeout(done, longest);
        // Those of whom nobody knows cannot be waited for by name.
        waiting.set(name, {
          missing: new Set(others.map((member) => member.id)),
          done: unknownMs > 0 ? () => {} : done,
        });
      });
    },
    close: async () => {
      closed = true;
      clearInterval(timer);
      liveUntil = 0;
      await renew(0);
      subscriber.disconnect();
    },
  };
}
