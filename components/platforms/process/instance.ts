// The life of one instance: start, wait for readiness, restart with back-off, stop. Its record on disk follows every change.
import { isDeepStrictEqual } from "node:util";
import { messageOf } from "../../errors.ts";
import { check } from "./checks.ts";
import { startProcess, stopProcess } from "./child.ts";
import type { Layout } from "./layout.ts";
import type { ResolvedCheck } from "./plan.ts";
import type { InstanceStatus } from "./protocol.ts";
import { type Order, type RunRecord, type State, writeJson } from "./records.ts";
import { endSession, type Identity, isAlive, portHolder, signal } from "./table.ts";

/** So many quick ends within a minute mean that starting again will not help. */
const quickEndsAllowed = 5;
const quickEndMs = 10_000;
const backOffMs = [100, 500, 1_000, 2_000, 4_000];
const aliveFailuresAllowed = 3;
const readyLimitMs = { service: 60_000, stateful: 120_000, job: 600_000 };

export interface Instance {
  readonly order: () => Order;
  readonly record: () => RunRecord;
  readonly status: () => InstanceStatus;
  readonly running: () => Identity | undefined;
  /** Replaces what the next start runs. */
  readonly setOrder: (order: Order) => void;
  /** Starts it and resolves with the milliseconds until it was ready, or rejects with the reason. */
  readonly start: () => Promise<number>;
  readonly whenReady: () => Promise<number>;
  readonly stop: () => Promise<void>;
  readonly signal: (name: NodeJS.Signals) => void;
  /** One look at an instance that runs: is it still there, ready, alive? */
  readonly watch: () => Promise<void>;
  /** A quick look at the process table, for a process that is not our own child. */
  readonly look: () => void;
}

export function createInstance(paths: Layout, first: RunRecord): Instance {
  let record = first;
  let wanted = first.state !== "stopped" && first.state !== "failed" && first.state !== "completed";
  let timer: NodeJS.Timeout | undefined;
  let quickEnds: number[] = [];
  let aliveFailures = 0;
  /** Counts starts, so that an old process' end is not taken for the new one's. */
  let generation = 0;
  /** The start that made a child of our own; what was adopted has none. */
  let launched: number | undefined;

  const set = (change: { -readonly [K in keyof RunRecord]?: RunRecord[K] | undefined }): void => {
    record = Object.fromEntries(
      Object.entries({ ...record, ...change }).filter(([, value]) => value !== undefined),
    ) as unknown as RunRecord;
    writeJson(paths.runFile(record.order.plan.instance), record);
  };
  /** As `set`, where nobody waits for the outcome: a full disk or a lost folder must not end the watch over the rest. */
  const note: typeof set = (change) => {
    try {
      set(change);
    } catch (error) {
      console.error(`${record.order.plan.instance}: its record cannot be written: ${messageOf(error)}`);
    }
  };

  const run = (each: ResolvedCheck, limit: number) => check(each, limit, (tool) => record.order.binaries[tool] ?? tool);

  const launch = async (): Promise<void> => {
    const mine = ++generation;
    const { identity, ended } = await startProcess(paths, record.order);
    launched = mine;
    try {
      set({ state: "starting", identity, startedAt: Date.now(), readyAfterMs: undefined, reason: undefined });
    } catch (error) {
      // Without a record nobody would find it again.
      await stopProcess(identity, { signal: "SIGKILL", graceSeconds: 0 });
      throw error;
    }
    void ended.then((how) => {
      if (mine === generation) onEnd(how);
    });
  };

  const onEnd = (how: string): void => {
    const { kind } = record.order.plan;
    // Its workers may have outlived it, and would keep its port or its data from the next one.
    if (record.identity !== undefined) endSession(record.identity);
    if (kind === "job" && wanted && how === "ended with code 0") {
      note({ state: "completed", identity: undefined, readyAfterMs: Date.now() - (record.startedAt ?? 0) });
      return;
    }
    if (!wanted) return;
    const now = Date.now();
    const quick =
      record.state === "starting" || record.identity === undefined || now - (record.startedAt ?? 0) < quickEndMs;
    quickEnds = [...quickEnds.filter((at) => now - at < 60_000), ...(quick ? [now] : [])];
    if (kind === "job" || quickEnds.length >= quickEndsAllowed) {
      wanted = false;
      note({ state: "failed", identity: undefined, reason: how });
      return;
    }
    note({ state: "backoff", identity: undefined, restarts: record.restarts + 1, reason: how });
    timer = setTimeout(() => void relaunch(), backOffMs[Math.max(0, quickEnds.length - 1)] ?? backOffMs.at(-1));
  };

  const relaunch = async (): Promise<void> => {
    if (!wanted) return;
    const mine = generation + 1;
    // What somebody has stopped or started meanwhile is theirs.
    const isOurs = () => wanted && mine === generation;
    try {
      await launch();
    } catch (error) {
      if (isOurs()) onEnd(messageOf(error));
      return;
    }
    try {
      await whenReady();
    } catch (error) {
      // What has ended is seen to; what hangs would keep its port from the next one.
      if (isOurs() && record.state === "starting") await endHung(messageOf(error));
    }
  };

  const endHung = async (reason: string): Promise<void> => {
    const mine = ++generation;
    if (record.identity !== undefined) await stopProcess(record.identity, record.order.plan.stop);
    if (wanted && mine === generation) onEnd(reason);
  };

  const whenReady = async (): Promise<number> => {
    const { kind, ready } = record.order.plan;
    const begun = Date.now();
    const mine = generation;
    let reason = "is not ready";
    for (let wait = 20; Date.now() - begun < readyLimitMs[kind]; wait = Math.min(wait * 1.3, 500)) {
      if (mine !== generation) throw new Error("was started anew");
      if (record.state === "ready" || record.state === "completed") return record.readyAfterMs ?? 0;
      if (record.state === "failed" || record.state === "backoff" || record.state === "stopped")
        throw new Error(record.reason ?? record.state);
      if (kind !== "job") {
        const failure = ready === undefined ? undefined : await run(ready, 2_000);
        if (
          failure === undefined &&
          mine === generation &&
          (record.state === "starting" || record.state === "unready")
        ) {
          set({
            state: "ready",
            reason: undefined,
            readyAfterMs: record.readyAfterMs ?? Date.now() - (record.startedAt ?? begun),
          });
          continue;
        }
        reason = failure ?? reason;
      }
      await new Promise((next) => setTimeout(next, wait));
    }
    throw new Error(`was not ready within ${readyLimitMs[kind] / 1_000} s: ${reason}`);
  };

  const stop = async (): Promise<void> => {
    wanted = false;
    clearTimeout(timer);
    const { identity } = record;
    const mine = generation;
    if (identity !== undefined) await stopProcess(identity, record.order.plan.stop);
    // Two may stop it at once; the one that is told last must not take what the other has started since for stopped.
    if (mine !== generation) return;
    generation++;
    note({
      state: record.order.plan.kind === "job" && record.state === "completed" ? "completed" : "stopped",
      identity: undefined,
    });
  };

  const look = (): void => {
    // The end of a child of our own is told with its exit code: a job that is over must not be taken for one that failed.
    if (launched === generation) return;
    if (wanted && record.identity !== undefined && !isAlive(record.identity)) {
      generation++;
      onEnd("ended");
    }
  };

  return {
    order: () => record.order,
    record: () => record,
    running: () => (record.identity !== undefined && isAlive(record.identity) ? record.identity : undefined),
    status: () => statusOf(record),
    setOrder: (order) => set({ order }),
    start: async () => {
      clearTimeout(timer);
      wanted = true;
      quickEnds = [];
      for (const { number, protocol, name } of record.order.plan.ports) {
        const holder = protocol === "tcp" ? portHolder(number) : undefined;
        if (holder !== undefined) {
          wanted = false;
          set({ state: "failed", reason: `port ${number} (${name}) is taken by ${holder.text}` });
          throw new Error(`port ${number} (${name}) is taken by ${holder.text}`);
        }
      }
      await launch();
      return whenReady();
    },
    whenReady,
    stop,
    signal: (name) => {
      if (record.identity !== undefined) signal(record.identity, name);
    },
    look,
    watch: async () => {
      const { ready, alive } = record.order.plan;
      if (record.identity === undefined || (record.state !== "ready" && record.state !== "unready")) return;
      const mine = generation;
      const failure = ready === undefined ? undefined : await run(ready, 2_000);
      const dead =
        alive === undefined || (failure === undefined && isDeepStrictEqual(alive, ready))
          ? undefined
          : await run(alive, 5_000);
      if (mine !== generation || (record.state !== "ready" && record.state !== "unready")) return;
      const state: State = failure === undefined ? "ready" : "unready";
      if (state !== record.state) note({ state, reason: failure });
      aliveFailures = dead === undefined ? 0 : aliveFailures + 1;
      if (aliveFailures >= aliveFailuresAllowed) {
        aliveFailures = 0;
        await stopProcess(record.identity, record.order.plan.stop);
      }
    },
  };
}

export const statusOf = ({
  order: { plan },
  state,
  restarts,
  identity,
  startedAt,
  readyAfterMs,
  reason,
}: RunRecord): InstanceStatus => ({
  service: plan.service,
  instance: plan.instance,
  kind: plan.kind,
  version: plan.version,
  state,
  restarts,
  ...(identity === undefined ? {} : { pid: identity.pid }),
  ...(startedAt === undefined ? {} : { startedAt }),
  ...(readyAfterMs === undefined ? {} : { readyAfterMs }),
  ...(reason === undefined ? {} : { reason }),
});
