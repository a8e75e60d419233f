// A password that nobody set: generated once, and kept beside the data that it opens.
import { randomBytes } from "node:crypto";
import { keepSecret, keptSecret } from "../process/state-folder.ts";
import { wrap } from "./envelopes.ts";
import type { Kind } from "./kind.ts";

interface SecretInputs {
  readonly bytes: number;
  /** The state folder whose data the secret opens; "" where the data lies elsewhere and the engine's state alone keeps it. */
  readonly root: string;
}

interface SecretOutputs extends SecretInputs {
  readonly value: string;
}

export const secret: Kind = {
  diff: (olds: SecretOutputs, news: SecretInputs, name) => ({
    // A state folder that was removed has lost it, and the data that comes next will need it.
    changes: olds.bytes !== news.bytes || (news.root !== "" && keptSecret(news.root, name) !== olds.value),
    replaces: olds.bytes === news.bytes ? [] : ["bytes"],
  }),
  create: async ({ bytes, root }: SecretInputs, name) => ({
    bytes,
    root,
    value: wrap(keptSecret(root, name) ?? keepSecret(root, name, randomBytes(bytes).toString("base64url"))),
  }),
  update: async ({ bytes, root }: SecretInputs, { value }: SecretOutputs, name) => ({
    bytes,
    root,
    value: wrap(keepSecret(root, name, value)),
  }),
  remove: async () => {},
};
