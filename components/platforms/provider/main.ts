// Our Pulumi provider: the kinds of resources that no other one has, a file each.
import { flushCompileCache } from "node:module";
import pulumi from "@pulumi/pulumi/provider/index.js";
import { configuration } from "./configuration.ts";
import { dockerFiles } from "./docker-files.ts";
import { dockerJob } from "./docker-job.ts";
import { unwrap } from "./envelopes.ts";
import type { Kind } from "./kind.ts";
import { secret } from "./secret.ts";
import { service } from "./service.ts";
import { supervisor } from "./supervisor.ts";
import { volumes } from "./volumes.ts";

const kinds: Readonly<Record<string, Kind>> = {
  "vitals:index:Secret": secret,
  "vitals:index:Volumes": volumes,
  "vitals:docker:Files": dockerFiles,
  "vitals:docker:Job": dockerJob,
  "vitals:process:Supervisor": supervisor,
  "vitals:process:Configuration": configuration,
  "vitals:process:Service": service,
};

function kindOf(urn: string): Kind {
  const type = urn.split("::")[2]?.split("$").at(-1) ?? "";
  const kind = kinds[type];
  if (kind === undefined) throw new Error(`no resource has the type ${type}`);
  return kind;
}

const nameOf = (urn: string): string => urn.split("::").at(-1) ?? urn;
const plain = (value: unknown): never => unwrap(value) as never;

// A killed engine says no goodbye: without it there is nobody left to serve.
const engine = process.ppid;
setInterval(() => {
  if (process.ppid !== engine) process.exit(0);
}, 1_000).unref();

// The engine ends this process before it could leave its compiled code for the next one: types would be stripped every time.
setTimeout(flushCompileCache, 200).unref();

await pulumi.main(
  {
    version: "0.1.0",
    // Asked for nothing but to start this process early (index.ts).
    invoke: async () => ({ outputs: {} }),
    check: async (urn, olds, news) => {
      const { inputs = news, failures = [] } = kindOf(urn).check?.(plain(olds ?? {}), plain(news)) ?? {};
      return { inputs, failures: failures.map((reason) => ({ property: "", reason })) };
    },
    diff: async (_id, urn, olds, news) => kindOf(urn).diff(plain(olds), plain(news), nameOf(urn)),
    create: async (urn, inputs) => ({ id: nameOf(urn), outs: await kindOf(urn).create(plain(inputs), nameOf(urn)) }),
    update: async (_id, urn, olds, news) => ({
      outs: await kindOf(urn).update(plain(news), plain(olds), nameOf(urn)),
    }),
    delete: async (_id, urn, props) => kindOf(urn).remove(plain(props)),
  },
  process.argv.slice(2),
);
