// What a supervisor gets to run in tests: a program that does nothing but be there, listen, and take a moment to leave.
import type { Delivery } from "../../components/platforms/process/protocol.ts";

/** `idle-0`, one Node process, with what the test changes of its plan. */
export const idle = (plan: Partial<Delivery["plan"]> = {}): Delivery => ({
  plan: {
    instance: "idle-0",
    service: "idle",
    kind: "service",
    version: "",
    run: { node: "idle" },
    code: "",
    args: [],
    env: {},
    secrets: [],
    secretFiles: [],
    dirs: [],
    ports: [],
    pages: [],
    stop: { signal: "SIGTERM", graceSeconds: 1 },
    verify: [],
    ...plan,
  },
  files: [],
  command: process.execPath,
  commandArgs: [
    "-e",
    `for (const port of ${JSON.stringify(plan.ports?.map(({ number }) => number) ?? [])})
      require("node:net").createServer().listen(port, "127.0.0.1");
    process.on("SIGTERM", () => setTimeout(() => process.exit(), 100));
    setInterval(() => {}, 60_000);`,
  ],
  binaries: {},
  hide: [],
});
