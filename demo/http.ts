// What every HTTP program of the demo is: a server of ours with the demo's metrics.
import { createServer as create, type ServerOptions, type Server as ServerWith } from "../components/server.ts";
import { demo } from "../telemetry/catalogue/demo.ts";

export { answerProblem, HttpProblem, runMain, serve } from "../components/server.ts";

export type Server = ServerWith<typeof demo>;

export const createServer = (options: Omit<ServerOptions<typeof demo>, "rows">): Promise<Server> =>
  create({ ...options, rows: demo });
