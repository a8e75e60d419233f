// The probe kind `dns`: a name has a record of a type, and one of the answers is as expected.
import { Resolver } from "node:dns/promises";
import { isIP } from "node:net";
import { reachable } from "../address.ts";
import { splitAddress, type TargetOf } from "../config.ts";
import { permitted, resolve } from "../connect.ts";
import { matches as isMatch } from "../pattern.ts";
import { type Probe, ProbeError } from "../probe.ts";

/** The whole attempt is one phase, `resolve`. */
export const dns: Probe<TargetOf<"dns">> = async ({ host, record, server, matches, allow }, { signal }) => {
  const resolver = new Resolver({ tries: 1 });
  signal.addEventListener("abort", () => resolver.cancel(), { once: true });
  if (server !== undefined) {
    const at = splitAddress(server);
    const [first] = permitted(await resolve(at.host), reachable(allow));
    if (first !== undefined)
      resolver.setServers([
        isIP(first.address) === 6 ? `[${first.address}]:${at.port}` : `${first.address}:${at.port}`,
      ]);
  }
  const answers = (await resolver.resolve(host, record)) as readonly unknown[];
  const texts = answers.map((answer) => (typeof answer === "string" ? answer : JSON.stringify(answer)));
  if (texts.length === 0) throw new ProbeError("dns");
  if (matches !== undefined && !texts.some((text) => isMatch(matches, text) === true))
    throw new ProbeError("assertion");
};
