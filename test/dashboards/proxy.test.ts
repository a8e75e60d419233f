// What a page asks of Prometheus goes by the viewer's server: reading queries only, one by one or many in one request.
import { request } from "node:http";
import { describe, expect, it } from "vitest";
import { gather } from "../../dashboards/viewer/browser/gather.ts";
import { makeUpstream } from "../../dashboards/viewer/upstream.ts";
import { answer, nowhere, upstream, viewer } from "./serving.ts";

describe("the way to Prometheus", () => {
  it("passes a query on as a POST, with a deadline and without parameters that nobody asked for", async () => {
    const seen: string[] = [];
    const { url } = await viewer(
      await upstream((incoming, response) => {
        let body = "";
        incoming.on("data", (part) => {
          body += part;
        });
        incoming.on("end", () => {
          seen.push(`${incoming.method} ${incoming.url} ${body}`);
          answer(incoming, response as never);
        });
      }),
    );
    const response = await fetch(`${url}/api/v1/query?query=up&stats=all`);
    expect(await response.json()).toMatchObject({ status: "success" });
    expect(seen).toEqual(["POST /api/v1/query query=up&timeout=20000ms"]);
  });

  it.each([
    "/api/v1/admin/tsdb/delete_series",
    "/api/v1/write",
    "/api/v1/targets",
    "/api/v1/status/config",
    "/api/v1/query/../status/config",
    "/-/reload",
    "/api/v1/label/a%2Fb/values",
    "/metrics",
  ])("does not lead to %s", async (path) => {
    let reached = 0;
    const { url } = await viewer(
      await upstream((_, response) => {
        reached += 1;
        response.end("{}");
      }),
    );
    const status = await new Promise<number | undefined>((resolve, reject) => {
      request(`${url}`, { path, method: "POST" }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end();
    });
    expect([404, 405]).toContain(status);
    expect(reached).toBe(0);
  });

  it("says when Prometheus cannot be reached", async () => {
    const { url } = await viewer(nowhere);
    const response = await fetch(`${url}/api/v1/query?query=up`);
    expect([response.status, await response.json()]).toMatchObject([
      502,
      { status: "error", errorType: "unreachable" },
    ]);
  });

  it("says when Prometheus does not answer in time, and lets go of it", async () => {
    let left = false;
    const { url } = await viewer(
      await upstream((incoming) => {
        incoming.socket.once("close", () => {
          left = true;
        });
      }),
      { timeoutMs: 200 },
    );
    const response = await fetch(`${url}/api/v1/query?query=up`);
    expect([response.status, await response.json()]).toMatchObject([504, { errorType: "timeout" }]);
    await expect.poll(() => left, { timeout: 20_000 }).toBe(true);
  });

  it("says when the answer trickles for ever", async () => {
    const { url } = await viewer(
      await upstream((_, response) => {
        response.write('{"status":"success",');
        const timer = setInterval(() => response.write(" "), 20);
        response.once("close", () => clearInterval(timer));
      }),
      { timeoutMs: 300 },
    );
    const response = await fetch(`${url}/api/v1/query?query=up`);
    expect([response.status, await response.json()]).toMatchObject([504, { errorType: "timeout" }]);
  });

  it("says when something else answers there", async () => {
    const { url } = await viewer(await upstream((_, response) => response.end("<html>welcome</html>")));
    const response = await fetch(`${url}/api/v1/query?query=up`);
    expect([response.status, await response.json()]).toMatchObject([502, { errorType: "garbage" }]);
  });

  it("says when the answer breaks off", async () => {
    const { url } = await viewer(
      await upstream((_, response) => {
        response.writeHead(200, { "content-length": 1_000 }).write('{"status":"success"');
        setTimeout(() => response.destroy(), 20);
      }),
    );
    expect((await fetch(`${url}/api/v1/query?query=up`)).status).toBe(502);
  });

  it("stops an answer that is too large", async () => {
    const { url } = await viewer(
      await upstream((_, response) => response.end(`{"status":"success","data":"${"x".repeat(50_000)}"}`)),
      { maxResponseBytes: 10_000 },
    );
    const response = await fetch(`${url}/api/v1/query?query=up`);
    expect([response.status, await response.json()]).toMatchObject([502, { errorType: "too_large" }]);
  });

  it("refuses a query that is too large", async () => {
    const { url } = await viewer(await upstream(answer));
    const response = await fetch(`${url}/api/v1/query`, {
      method: "POST",
      body: new URLSearchParams({ query: "x".repeat(100_000) }),
    }).catch(() => undefined);
    expect(response?.status ?? 413).toBe(413);
  });

  it("keeps Prometheus' own words about a bad query", async () => {
    const { url } = await viewer(
      await upstream((_, response) =>
        response.writeHead(400).end('{"status":"error","errorType":"bad_data","error":"no"}'),
      ),
    );
    const response = await fetch(`${url}/api/v1/query?query=(`);
    expect([response.status, await response.json()]).toMatchObject([400, { errorType: "bad_data", error: "no" }]);
  });
});

/** The query of a request that arrives at Prometheus. */
const queryOf = async (incoming: AsyncIterable<Buffer>): Promise<string> => {
  let body = "";
  for await (const part of incoming) body += part;
  return new URLSearchParams(body).get("query") ?? "";
};

describe("many queries in one request", () => {
  const lines = async (url: string, questions: unknown) => {
    const response = await fetch(`${url}/api/questions`, { method: "POST", body: JSON.stringify(questions) });
    return { status: response.status, lines: (await response.text()).trim().split("\n").toSorted() };
  };

  it("are answered line by line, each with what Prometheus says, whatever its layout", async () => {
    const { url } = await viewer(
      await upstream(async (incoming, response) =>
        response.end(`{"status":\n"error",\r\n"errorType":"x","error":"${await queryOf(incoming)}"}\n`),
      ),
    );
    expect(await lines(url, ["/api/v1/query?query=a", "/api/v1/query?query=b"])).toEqual({
      status: 200,
      // The end of the last line is cut off above.
      lines: ["a", "b"].map(
        (name, at) => `${at} {"status": "error",  "errorType":"x","error":"${name}"}${at === 0 ? " " : ""}`,
      ),
    });
  });

  it("lead nowhere that one query does not lead", async () => {
    let reached = 0;
    const { url } = await viewer(
      await upstream((_, response) => {
        reached += 1;
        response.end("{}");
      }),
    );
    const bad = ["/api/v1/status/config", "//elsewhere/api/v1/query?query=up", "http://a/api/v1/query", "/-/reload"];
    const { lines: answers } = await lines(url, bad);
    expect(answers).toHaveLength(4);
    for (const each of answers) expect(each).toMatch(/^\d \{"status":"error","errorType":"not_found"/);
    expect(reached).toBe(0);
    for (const none of [{}, [1], Array.from({ length: 301 }, () => "/api/v1/query")])
      expect((await lines(url, none)).status).toBe(400);
    expect((await fetch(`${url}/api/questions`)).status).toBe(405);
  });

  it("do not wait for each other: a slow one keeps nothing back", async () => {
    const prometheus = await upstream(async (incoming, response) => {
      if ((await queryOf(incoming)).startsWith("fast")) answer(incoming, response as never);
    });
    const { url } = await viewer(prometheus, { timeoutMs: 3_000 });
    const ask = gather((path, init) => fetch(url + path, init));
    const order: string[] = [];
    const names = [...Array.from({ length: 10 }, (_, index) => `slow${index}`), "fast", "fast_too"];
    const answers = names.map(async (query) => {
      const response = await ask("/api/v1/query", { method: "POST", body: new URLSearchParams({ query }) });
      order.push(query);
      return [query, (await response.json()) as { errorType?: string }] as const;
    });
    const all = Object.fromEntries(await Promise.all(answers));
    expect(order.slice(0, 2).toSorted()).toEqual(["fast", "fast_too"]);
    expect(all.fast).toMatchObject({ status: "success" });
    expect(all.slow9).toMatchObject({ errorType: "timeout" });
  });

  it("are let go of, also at Prometheus, when nobody waits for any of them", async () => {
    let arrived = 0;
    let left = 0;
    const prometheus = await upstream((incoming) => {
      arrived += 1;
      incoming.socket.once("close", () => {
        left += 1;
      });
    });
    const { url } = await viewer(prometheus);
    const ask = gather((path, init) => fetch(url + path, init));
    const [first, second] = [new AbortController(), new AbortController()];
    const failed = [first, second].map(({ signal }) =>
      ask("/api/v1/query?query=up", { signal }).then(
        () => "answered",
        (error: Error) => error.name,
      ),
    );
    await expect.poll(() => arrived, { timeout: 20_000 }).toBe(2);
    first.abort();
    expect(await failed[0]).toBe("AbortError");
    expect(left).toBe(0);
    second.abort();
    expect(await failed[1]).toBe("AbortError");
    await expect.poll(() => left, { timeout: 20_000 }).toBe(2);
  });

  it("fail together when the viewer is gone", async () => {
    const ask = gather((path, init) => fetch(new URL(path, nowhere), init));
    for (const each of await Promise.allSettled([ask("/api/v1/query?query=a"), ask("/api/v1/query?query=b")]))
      expect(each.status).toBe("rejected");
  });
});

describe("questions beyond what Prometheus answers at once", () => {
  const ask = async (options: { maxParallel: number; maxWaiting: number; timeoutMs: number }, answersAfter: number) => {
    let most = 0;
    let now = 0;
    const prometheus = await upstream((incoming, response) => {
      most = Math.max(most, ++now);
      setTimeout(() => {
        now -= 1;
        answer(incoming, response as never);
      }, answersAfter);
    });
    const one = makeUpstream({ prometheus, maxResponseBytes: 1e6, ...options });
    const { signal } = new AbortController();
    const statuses = await Promise.all(
      Array.from({ length: 6 }, () => one("/api/v1/query", new URLSearchParams({ query: "up" }), signal)),
    );
    return { most, statuses: statuses.map(({ status }) => status) };
  };

  it("wait for their turn", async () => {
    expect(await ask({ maxParallel: 2, maxWaiting: 10, timeoutMs: 20_000 }, 50)).toEqual({
      most: 2,
      statuses: [200, 200, 200, 200, 200, 200],
    });
  });

  it("wait no longer than any other, and no more than there is room for", async () => {
    expect((await ask({ maxParallel: 2, maxWaiting: 3, timeoutMs: 500 }, 60_000)).statuses).toEqual([
      504, 504, 504, 504, 504, 503,
    ]);
  });
});
