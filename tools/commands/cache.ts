// Empties the cache, switches it off or on again, in every process of every service at once.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { stackError } from "../../components/errors.ts";
import { redisUser } from "../../components/services/redis.ts";
import { type Act, acts, operate } from "../cache-operations.ts";
import { command, stackOption, UsageError } from "../stack/command.ts";
import { runningStack } from "../stack/running.ts";

const help = `npm run cache:flush-all         makes everything that is cached invalid
npm run cache:disable-fallback  switches caching off: every read goes straight to its source …
npm run cache:enable            … until this
  --redis HOST:PORT       a server, or one of a Cluster; default: the Redis of stack dev
  --user NAME             default: ${redisUser}
  --password-file FILE    default: the generated password of the stack
  --tls                   when the server takes nothing else
  --namespace NAME        default: every namespace there is
  --stack S               another stack
Exit code 0: every process has heard it.`;

await command(
  help,
  {
    ...stackOption,
    redis: { type: "string" },
    user: { type: "string", default: redisUser },
    "password-file": { type: "string" },
    tls: { type: "boolean", default: false },
    namespace: { type: "string" },
  },
  async ({ values, positionals }) => {
    const [act = "", ...more] = positionals;
    if (!Object.hasOwn(acts, act) || more.length > 0)
      throw new UsageError(`"${positionals.join(" ")}" is not one of: ${Object.keys(acts).join(", ")}.`);
    const { root, instances } = runningStack(String(values.stack));
    const generated = join(root, "secrets", "redisPassword");
    const address =
      (values.redis as string | undefined) ?? instances.find(({ service }) => service === "redis")?.ports.redis;
    if (address === undefined)
      throw stackError(
        String(values.stack),
        "no Redis of it runs here",
        "Start the stack, or name one: --redis HOST:PORT.",
      );
    const passwordFile =
      (values["password-file"] as string | undefined) ??
      (values.redis === undefined && existsSync(generated) ? generated : undefined);
    const done = await operate(act as Act, {
      address,
      ...(passwordFile === undefined ? {} : { user: String(values.user), passwordFile }),
      tls: values.tls === true,
      ...(values.namespace === undefined ? {} : { namespace: String(values.namespace) }),
    });
    for (const { namespace, complete } of done)
      console.log(`${namespace}: ${complete ? acts[act as Act] : "not every process could be told; try again"}`);
    if (done.length === 0) console.log("Nothing has been cached there yet.");
    return done.every(({ complete }) => complete) ? 0 : 1;
  },
  { names: true },
);
