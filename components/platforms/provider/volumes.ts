// The volumes of a stack as plain data, whose check refuses a change that would lose one.
import { isDeepStrictEqual } from "node:util";
import { formatProblems } from "../../errors.ts";
import { losses, lossProblems, permissionVariable, type Volumes } from "../data-loss.ts";
import type { Kind } from "./kind.ts";

interface VolumesInputs {
  readonly volumes: Volumes;
}

export const volumes: Kind = {
  check: ({ volumes: before = {} }: Partial<VolumesInputs>, { volumes: after }: VolumesInputs) => ({
    failures: lossProblems(losses(before, after), process.env[permissionVariable]).map((problem) =>
      formatProblems([problem]),
    ),
  }),
  diff: (olds: VolumesInputs, news: VolumesInputs) => ({ changes: !isDeepStrictEqual(olds, news) }),
  create: async (news: VolumesInputs) => ({ ...news }),
  update: async (news: VolumesInputs) => ({ ...news }),
  remove: async () => {},
};
