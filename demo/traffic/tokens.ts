// The token that the traffic shows to the gateway, asked for again before it ends.
import type { Client } from "./exchange.ts";

/** Resolves with the value of an `Authorization` header; undefined while no token can be had. */
export type Tokens = () => Promise<string | undefined>;

/** What the people do whom the traffic plays. */
const roles = ["clinician", "front-desk", "billing", "stock"];
const retryMs = 1_000;

export function createTokens(client: Client, base: string): Tokens {
  let header: string | undefined;
  let until = 0;
  let asking: Promise<void> | undefined;
  const ask = async (): Promise<void> => {
    const wanted = {
      method: "POST",
      url: new URL("/token", base),
      body: { roles, subject: "demo-traffic" },
      read: true,
    };
    const { status, json } = await client.send(wanted).catch(() => ({ status: 0, json: undefined }));
    const { access_token: token, expires_in: seconds = 0 } = (json ?? {}) as {
      readonly access_token?: string;
      readonly expires_in?: number;
    };
    header = status === 200 && token !== undefined ? `Bearer ${token}` : undefined;
    until = performance.now() + (header === undefined ? retryMs : seconds * 500);
  };
  return async () => {
    if (performance.now() >= until) {
      asking ??= ask().finally(() => {
        asking = undefined;
      });
      await asking;
    }
    return header;
  };
}
