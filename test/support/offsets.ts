// Where on the machine a test's stack has its ports, so that no two are ever in each other's way.
import { createServer, type Server } from "node:net";
import { loadConfig } from "../../components/config.ts";
import { closedToBrowsers } from "../../components/platforms/ports.ts";
import { describe } from "../../components/stack.ts";

const config = loadConfig({ environment: "dev", values: { demo: "true" }, secretKeys: ["slackWebhookUrl"] });
const { specs } = describe(config, { services: [], has: () => true });
const supervisor = 9199;
/** Held for as long as the process lives: its offset is nobody else's, also while nothing of its stack listens. */
const guard = 2_500;
/** Every port that a stack can listen on, before its offset. */
const ports = [
  ...new Set([guard, supervisor, ...specs.flatMap(({ ports }) => Object.values(ports).map(({ number }) => number))]),
];

/** Stacks that are a multiple of it apart have no port in common: no two ports differ by one. */
const stride = Array.from({ length: 1_000 }, (_, index) => index + 1).find(
  (each) => new Set(ports.map((port) => port % each)).size === ports.length,
) as number;
/** All of it stays below the ports that the system gives to clients. */
const most = 15_000;

/** An offset at which no port of a stack is taken, or will be by another test. */
export async function freeOffset(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const offset = stride * (1 + Math.floor((Math.random() * most) / stride));
    if (ports.some((port) => closedToBrowsers.includes(port + offset))) continue;
    const held = await listen(guard + offset);
    if (held === undefined) continue;
    const others = await Promise.all(ports.filter((port) => port !== guard).map((port) => listen(port + offset)));
    for (const other of others) other?.close();
    if (others.every((other) => other !== undefined)) return offset;
    held.close();
  }
  throw new Error("no offset has all its ports free");
}

const listen = (port: number): Promise<Server | undefined> =>
  new Promise((done) => {
    const server = createServer().unref();
    server.once("error", () => done(undefined));
    server.listen(port, "127.0.0.1", () => done(server));
  });
