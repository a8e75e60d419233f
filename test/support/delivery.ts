// What a supervisor gets to run in tests: a program that does nothing but be there.
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
  commandArgs: ["-e", "setInterval(() => {}, 60_000)"],
  binaries: {},
  hide: [],
});
