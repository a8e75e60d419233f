// One supervisor a stack: applies deliveries, keeps instances running, rotates their logs. Knows nothing of Pulumi or HTTP.
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { messageOf, StackError, stackError } from "../../errors.ts";
import { createInstance, type Instance } from "./instance.ts";
import { layout } from "./layout.ts";
import { logTail, rotateLogs } from "./logs.ts";
import type { Applied, Delivery, FinishedFile, InstanceStatus } from "./protocol.ts";
import { type Order, readRecords, removeRecord } from "./records.ts";
import { backUp, fingerprint, makeDirectory, type Owner, stackKey, writeFileFor } from "./staging.ts";
import { isAlive } from "./table.ts";
import { unprivileged } from "./user.ts";

/** How often each instance that runs is asked whether it is ready and alive. */
const watchSeconds = 15;

export interface Supervisor {
  readonly instances: () => readonly Instance[];
  readonly status: () => readonly InstanceStatus[];
  /** Makes one instance run as delivered. Throws a StackError with the reason; what ran before then still runs. */
  readonly apply: (delivery: Delivery) => Promise<Applied>;
  readonly restart: (instance: string) => Promise<number>;
  readonly remove: (instance: string) => Promise<void>;
  /** Ends it and does not start it again, until a restart or the next `up`. */
  readonly stop: (instance: string) => Promise<void>;
  /** Stops watching and leaves everything running, for a successor. */
  readonly letGo: () => void;
  readonly stopAll: () => Promise<void>;
}

export function createSupervisor(root: string): Supervisor {
  const paths = layout(root);
  const asRoot = process.getuid?.() === 0;
  for (const each of ["run", "logs", "files", "data", "stage"])
    mkdirSync(join(root, each), { recursive: true, mode: asRoot ? 0o711 : 0o700 });
  const key = stackKey(root);
  const instances = new Map<string, Instance>();
  const turns = new Map<string, Promise<unknown>>();

  /** One change of an instance at a time. */
  const inTurn = <T>(instance: string, work: () => Promise<T>): Promise<T> => {
    const turn = (turns.get(instance) ?? Promise.resolve()).then(work, work);
    turns.set(
      instance,
      turn.catch(() => {}),
    );
    return turn;
  };

  // Adopt what a predecessor left running; start again what died meanwhile.
  for (const record of readRecords(paths)) {
    const { instance } = record.order.plan;
    const lives = record.identity !== undefined && isAlive(record.identity);
    const { identity: _, ...dead } = record;
    const adopted = createInstance(
      paths,
      lives ? record : { ...dead, state: record.state === "completed" ? "completed" : "stopped" },
    );
    instances.set(instance, adopted);
    if (lives && record.state === "starting") void inTurn(instance, adopted.whenReady).catch(() => {});
    if (!lives && record.state !== "completed" && record.state !== "failed" && record.state !== "stopped")
      void inTurn(instance, adopted.start).catch(() => {});
  }

  const look = setInterval(() => {
    for (const each of instances.values()) each.look();
  }, 1_000);
  let turn = 0;
  // Each in its second of the round, so that checks never come in a burst.
  const watch = setInterval(() => {
    const all = [...instances.values()];
    const share = (part: number) => Math.floor((all.length * part) / watchSeconds);
    for (const each of all.slice(share(turn), share(turn + 1))) void each.watch();
    turn = (turn + 1) % watchSeconds;
  }, 1_000);
  const rotate = setInterval(() => {
    try {
      rotateLogs(paths.logDir);
    } catch (error) {
      console.error(`logs cannot be rotated: ${messageOf(error)}`);
    }
  }, 30_000);

  const signalsFor = (files: readonly FinishedFile[]): ReadonlySet<NodeJS.Signals> =>
    new Set(files.flatMap(({ apply }) => (typeof apply === "object" ? [apply.signal] : [])));

  const write = (files: readonly FinishedFile[], owner: Owner | undefined): void => {
    for (const { path, text, seed } of files) if (!(seed && existsSync(path))) writeFileFor(root, path, text, owner);
  };

  const fail = (instance: string, error: unknown, hide: readonly string[]): StackError => {
    if (error instanceof StackError) return error;
    const tail = logTail(paths.log(instance), 8, hide);
    const full = (error as NodeJS.ErrnoException).code === "ENOSPC";
    return stackError(
      instance,
      full
        ? "the disk is full"
        : `${messageOf(error)}${tail === "" ? "" : `; its last words:\n  ${tail.replaceAll("\n", "\n  ")}`}`,
      full
        ? `Free space where ${root} lies, then run the same command again.`
        : `Read ${paths.log(instance)}, mend the cause, and run the same command again.`,
    );
  };

  /** Plans share no port: who still has one that this one is to have gets another by the same update. */
  const makeRoom = ({ instance, ports }: Delivery["plan"]): Promise<unknown> => {
    const holds = (other: Delivery["plan"]) =>
      other.instance !== instance &&
      other.ports.some((each) => ports.some((port) => port.number === each.number && port.protocol === each.protocol));
    return Promise.all(
      [...instances.values()]
        .filter((other) => other.running() !== undefined && holds(other.order().plan))
        .map((other) => other.stop()),
    );
  };

  const applyNow = async (delivery: Delivery): Promise<Applied> => {
    const { plan, files } = delivery;
    const { instance } = plan;
    const owner = "tool" in plan.run ? unprivileged() : undefined;
    const order = orderOf(delivery, owner, key);
    const existing = instances.get(instance);
    const old = existing?.order();
    const managed = files.filter(({ seed }) => !seed);
    const changed = managed.filter(({ path }) => old?.files[path] !== order.files[path]);
    // A rule file that is no longer wanted would otherwise stay in force.
    const dropped = Object.entries(old?.files ?? {}).flatMap(([path, print]) =>
      print !== "" && !(path in order.files) ? [path] : [],
    );
    const takeBack = backUp(root, [...managed.map(({ path }) => path), ...dropped], owner);
    const place = (): void => {
      for (const each of plan.dirs) makeDirectory(root, each, owner);
      write(files, owner);
      for (const path of dropped) rmSync(path, { force: true });
    };

    if (
      existing !== undefined &&
      old?.hash === order.hash &&
      (existing.running() !== undefined || existing.record().state === "completed")
    ) {
      try {
        place();
        existing.setOrder(order);
      } catch (error) {
        takeBack();
        throw error;
      }
      for (const each of signalsFor(dropped.length > 0 ? managed : changed)) existing.signal(each);
      const readyAfterMs = await existing.whenReady();
      return { change: changed.length + dropped.length > 0 ? "reloaded" : "none", readyAfterMs };
    }

    const ran = existing?.running() !== undefined;
    const subject = existing ?? createInstance(paths, { order, state: "stopped", restarts: 0 });
    try {
      await subject.stop();
      place();
      subject.setOrder(order);
      instances.set(instance, subject);
      await makeRoom(plan);
      return { change: ran ? "restarted" : "started", readyAfterMs: await subject.start() };
    } catch (error) {
      const told = fail(instance, error, delivery.hide);
      await subject.stop();
      if (old === undefined) await remove(instance);
      else {
        takeBack();
        subject.setOrder(old);
        // What did not run before is left as it was: known, stopped, and healed by the next `up`.
        if (ran) await subject.start().catch((again: unknown) => console.error(fail(instance, again, delivery.hide)));
      }
      throw told;
    }
  };

  const find = (name: string): Instance => {
    const subject = instances.get(name);
    if (subject !== undefined) return subject;
    throw stackError(name, "is not an instance of this stack", `Use one of: ${[...instances.keys()].join(", ")}.`);
  };

  const letGo = (): void => {
    for (const each of [look, watch, rotate]) clearInterval(each);
  };

  const remove = async (name: string): Promise<void> => {
    await instances.get(name)?.stop();
    instances.delete(name);
    removeRecord(paths, name);
    rmSync(paths.filesDir(name), { recursive: true, force: true });
  };

  return {
    instances: () => [...instances.values()],
    status: () => [...instances.values()].map((each) => each.status()),
    apply: (delivery) =>
      inTurn(delivery.plan.instance, () =>
        applyNow(delivery).catch((error: unknown) => {
          throw fail(delivery.plan.instance, error, delivery.hide);
        }),
      ),
    restart: (name) =>
      inTurn(name, async () => {
        const subject = find(name);
        await subject.stop();
        return subject.start().catch((error: unknown) => {
          throw fail(name, error, []);
        });
      }),
    stop: (name) => inTurn(name, () => find(name).stop()),
    remove: (name) => inTurn(name, () => remove(name)),
    letGo,
    stopAll: async () => {
      letGo();
      const results = await Promise.allSettled([...instances.keys()].map((name) => inTurn(name, () => remove(name))));
      const failure = results.find((each) => each.status === "rejected");
      if (failure !== undefined) throw failure.reason;
    },
  };
}

/** What makes a restart needed goes into the hash; files that a running program takes up do not. */
function orderOf(delivery: Delivery, owner: Owner | undefined, key: Buffer): Order {
  const { plan, files, command, commandArgs, binaries } = delivery;
  const restarting = files.filter(({ apply }) => apply === "restart").map(({ path, text }) => [path, text]);
  const { version: _version, pages: _pages, ...identity } = plan;
  return {
    plan,
    files: Object.fromEntries(files.map(({ path, text, seed }) => [path, seed ? "" : fingerprint(key, text)])),
    command,
    commandArgs,
    binaries,
    ...(owner ?? {}),
    hash: fingerprint(key, JSON.stringify([identity, restarting])),
  };
}
