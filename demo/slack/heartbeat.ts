// The demo's dead man's switch: a message when the heartbeat of Alertmanager's Watchdog ends, and one when it is back.
import type { FastifyInstance } from "fastify";
import type { Content } from "./message.ts";

export interface HeartbeatOptions {
  /** Milliseconds without a heartbeat after which it is told. */
  readonly patience: number;
  readonly runbook: string;
  readonly tell: (content: Content) => Promise<unknown>;
}

const lookEvery = 1_000;

/** POST /heartbeat. That the first one is late is told as well: the chain has never worked then. */
export function addHeartbeat(app: FastifyInstance, { patience, runbook, tell }: HeartbeatOptions): void {
  let last = Date.now();
  let silent = false;
  const look = setInterval(() => {
    if (silent || Date.now() - last < patience) return;
    silent = true;
    void tell(silence(last, runbook)).catch(() => (silent = false));
  }, lookEvery);
  app.addHook("preClose", async () => clearInterval(look));
  app.post("/heartbeat", async (_request, reply) => {
    const before = last;
    last = Date.now();
    if (silent) await tell(back(before, last));
    silent = false;
    return reply.code(204).send();
  });
}

const clock = (at: number): string => new Date(at).toISOString().slice(11, 19);

const content = (color: string, title: string, text: string): Content => ({
  channel: "#alerts",
  username: "Dead man's switch",
  attachments: [{ color, title, fallback: title, text, fields: [], actions: [], footer: "Vitals" }],
});

const silence = (since: number, runbook: string): Content =>
  content(
    "danger",
    "[PAGE] Watchdog alertmanager",
    `*Nobody would tell of a failure now: the heartbeat of Prometheus and Alertmanager has ended.*\nThe last one came at ${clock(since)} UTC\nSee with npm run status which of the two does not run.\n<${runbook}|Runbook>`,
  );

const back = (from: number, to: number): Content =>
  content(
    "good",
    "[RESOLVED] Watchdog alertmanager",
    `Over: *the heartbeat of Prometheus and Alertmanager is back.*\nFrom ${clock(from)} to ${clock(to)} UTC`,
  );
