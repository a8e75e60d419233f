// A third party with a status page, whose faults can be switched: `node demo/vendor.ts --host H --port N`; PUT /faults/NAME, DELETE /faults.
import { setTimeout as pause } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { readOptions } from "../components/arguments.ts";
import { answerProblem, createServer, runMain, serve } from "./http.ts";

/** `announced` shows on the status page alone; the others are what a client meets. */
const faults = ["down", "slow", "limited", "denied", "broken", "announced"] as const;
type Fault = (typeof faults)[number];

const slowMilliseconds = 20_000;

runMain("demo/vendor.ts", async () => {
  const options = readOptions("demo/vendor.ts", process.argv.slice(2), {
    host: { kind: "text" },
    port: { kind: "port" },
  });
  const server = await createServer({ name: "demo-vendor" });
  addVendor(server.app);
  await serve(server, options.host, Number(options.port));
});

function addVendor(app: FastifyInstance): void {
  /** Each fault that is on, and since when. */
  const since = new Map<Fault, Date>();
  app.get("/v1/status", async (_request, reply) => {
    if (since.has("slow")) await pause(slowMilliseconds, undefined, { ref: false });
    if (since.has("limited")) return reply.code(429).header("retry-after", "60").send();
    if (since.has("denied")) return answerProblem(reply, 401, "The key is not known.");
    if (since.has("down")) return answerProblem(reply, 503, "The vendor is down.");
    return { status: since.has("broken") ? "failing" : "ok" };
  });
  app.get("/api/v2/summary.json", async () => summary(since.get("announced")));
  app.get("/faults", async () => ({ on: [...since.keys()] }));
  app.put<{ Params: { fault: string } }>("/faults/:fault", async ({ params }, reply) => {
    const fault = faults.find((each) => each === params.fault);
    if (fault === undefined) return answerProblem(reply, 404, `The faults are ${faults.join(", ")}.`);
    since.set(fault, new Date());
    return { on: [...since.keys()] };
  });
  app.delete("/faults", async () => {
    since.clear();
    return { on: [] };
  });
}

/** In the format of Statuspage. */
const summary = (announced: Date | undefined) => ({
  status: { indicator: announced === undefined ? "none" : "critical" },
  components: [{ name: "Eligibility API", status: announced === undefined ? "operational" : "major_outage" }],
  incidents:
    announced === undefined
      ? []
      : [{ id: "demo1", impact: "critical", status: "investigating", started_at: announced.toISOString() }],
  scheduled_maintenances: [],
});
