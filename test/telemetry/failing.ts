// A service that fails in a way that nobody expected, with an error that quotes a row: `failing.ts HOW DSN`.
import { createServer, serve } from "../../components/server.ts";

const [how = "", dsn = ""] = process.argv.slice(2);
const quoting = (): Error =>
  Object.assign(new RangeError("row CANARY7\n    at CANARY7 (/CANARY7/CANARY7.ts:1:1)"), {
    detail: "Key (email)=(CANARY7) already exists.",
    code: "23505",
    severity: "ERROR",
    routine: "_bt_check_unique",
    cause: new Error("CANARY7"),
  });
const server = await createServer({ name: "lab", rows: {}, errors: { dsn } });
await serve(server, "127.0.0.1", 0);
const fail: Readonly<Record<string, () => unknown>> = {
  thrown: () => {
    throw quoting();
  },
  rejected: () => Promise.reject(quoting()),
  "no error": () => Promise.reject("CANARY7"),
};
setTimeout(() => fail[how]?.(), 1);
