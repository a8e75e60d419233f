// A container that runs to its end: what comes after it does so only where that was a good one.
import { stackError } from "../../errors.ts";
import { ask, type Engine, told } from "../docker/client.ts";
import type { Json, Kind } from "./kind.ts";

interface JobInputs {
  readonly engine: Engine;
  /** Its id: another container is another run. */
  readonly container: string;
}

export const dockerJob: Kind = {
  diff: (olds: JobInputs, news: JobInputs) => ({ changes: olds.container !== news.container }),
  create: (news: JobInputs) => ended(news),
  update: (news: JobInputs) => ended(news),
  remove: async () => {},
};

/** One that ended badly gets another try: the container is still the same, and what it needs may be there by now. */
async function ended(news: JobInputs): Promise<Json> {
  const { engine, container } = news;
  const [name = container, code] = (
    await told(engine, ["inspect", "--format", "{{.Name}} {{.State.ExitCode}}", container])
  ).split(" ");
  if (code !== "0") {
    const again = await ask(engine, ["start", "--attach", container]);
    if (again.code !== 0) {
      const lastWords = [again.stdout, again.stderr].join("\n").trim().split("\n").slice(-5).join("\n");
      throw stackError(
        name.replace(/^\//, ""),
        `ended with ${again.code}: ${lastWords}`,
        "Mend what it names, then run the same command again.",
      );
    }
  }
  return { ...news };
}
