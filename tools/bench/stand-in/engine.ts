// Asks a Docker engine in the words of its API, through the socket that DOCKER_HOST names.
import { request } from "node:http";

/** Throws with the engine's own words where it refuses. */
export function engineAnswer(method: string, path: string, body?: unknown): Promise<Readonly<Record<string, unknown>>> {
  const socketPath = (process.env.DOCKER_HOST ?? "unix:///var/run/docker.sock").replace("unix://", "");
  return new Promise((done, failed) => {
    const asked = request({
      socketPath,
      method,
      path: `/v1.41${path}`,
      headers: { "content-type": "application/json" },
    });
    asked.once("error", failed);
    asked.once("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.once("end", () => {
        const { statusCode = 0 } = response;
        // What is as it is asked to be answers 304.
        if (statusCode >= 400) failed(new Error(`${method} ${path}: ${statusCode} ${text}`));
        else done(text === "" ? {} : (JSON.parse(text) as Record<string, unknown>));
      });
    });
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
