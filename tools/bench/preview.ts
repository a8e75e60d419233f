// What a large Kubernetes stack costs before anything is applied: `render` beside bare Node, `preview` beside an empty program.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { codeRoot } from "../../components/platforms/process/checkout.ts";
import { pulumiEnvironment } from "../stack/pulumi.ts";
import { besideEmpty } from "./beside.ts";
import { interleave, medianOf, seconds, timed, type Verdict } from "./measure.ts";

const stack = "bench-preview";
/** The largest size with the demo and an ingress: the 150 resources that the promise speaks of, and some more. */
export const large = {
  platform: "kubernetes",
  size: "large",
  demo: true,
  registry: "registry.example.com/team",
  storageClass: "fast",
  imagePullSecret: "registry-login",
  ingress: { class: "nginx", host: "vitals.example.com", auth: { url: "https://login.example.com/auth" } },
};

export async function benchPreview(rounds: number, say: (line: string) => void): Promise<readonly Verdict[]> {
  const folder = mkdtempSync(join(tmpdir(), "vitals-bench-"));
  try {
    const { own, empty, created, count } = await previewOfNew(folder, rounds + 2, say);
    await empty("up", "--yes", "--skip-preview");
    await own("up", "--yes", "--skip-preview");
    say(`preview of ${count} resources without changes, beside an empty program's`);
    const unchanged = await previews(rounds + 2, (...args) => own(...args, "--expect-no-changes"), empty, say);
    say("render, beside Node that does nothing");
    const render = ["tools/commands/render.ts", "--stack", stack, "--settings", join(folder, `Pulumi.${stack}.yaml`)];
    const renders = await interleave(
      [
        { name: "bare Node", run: () => timed(() => node("-e", "")) },
        { name: "render", run: () => timed(() => node(...render)) },
      ],
      rounds + 2,
      say,
    );
    const rendered = medianOf(renders, "render") - medianOf(renders, "bare Node");
    return [
      previewVerdict(`preview of ${count} new resources`, created),
      previewVerdict(`preview of ${count} unchanged resources`, unchanged),
      {
        what: "render of the same stack, after Node's start",
        seen: `${seconds(rendered)}  (${seconds(medianOf(renders, "render"))} - ${seconds(medianOf(renders, "bare Node"))})`,
        promised: "1.00 s",
        kept: rendered <= 1_000,
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Previews of the stack before there is any of it, and of an empty program, by turns. Everything lies in `folder`. */
export async function previewOfNew(folder: string, rounds: number, say: (line: string) => void) {
  // A provider that keeps what it is given takes the place of the plugin: no cluster is asked.
  const standIn = join(codeRoot, "tools/bench/stand-in");
  const PATH = [standIn, pulumiEnvironment().PATH].join(delimiter);
  const { own, empty } = await besideEmpty(folder, stack, large, { PATH });
  const count = stepsOf(await own("preview", "--json"));
  say(`preview of ${count} resources that are not there yet, beside an empty program's`);
  return { own, empty, count, created: await previews(rounds, own, empty, say) };
}

/** What a preview may take, in milliseconds, where that of an empty program takes so long. */
export const allowedFor = (empty: number): number => 1.5 * empty + 2_000;

type Run = (...args: readonly string[]) => Promise<unknown>;

const previews = (rounds: number, own: Run, empty: Run, say: (line: string) => void) =>
  interleave(
    [
      { name: "empty preview", run: () => timed(() => empty("preview")) },
      { name: "stack preview", run: () => timed(() => own("preview")) },
    ],
    rounds,
    say,
  );

function previewVerdict(what: string, times: Awaited<ReturnType<typeof previews>>): Verdict {
  const [own, empty] = [medianOf(times, "stack preview"), medianOf(times, "empty preview")];
  const allowed = allowedFor(empty);
  return {
    what: `${what} / (1.5 x empty preview + 2 s)`,
    seen: `${(own / allowed).toFixed(2)}  (${seconds(own)} / (1.5 x ${seconds(empty)} + 2 s), ${(own / empty).toFixed(2)} x empty)`,
    promised: "1.00",
    kept: own <= allowed,
  };
}

/** How many resources a preview in JSON speaks of. */
const stepsOf = (json: string): number => (JSON.parse(json) as { readonly steps: readonly unknown[] }).steps.length;

const node: Run = (...args) =>
  new Promise((done, failed) => {
    const child = spawn(process.execPath, args, { cwd: codeRoot, stdio: ["ignore", "ignore", "inherit"] });
    child.once("error", failed);
    child.once("exit", (code) =>
      code === 0 ? done(undefined) : failed(new Error(`node ${args.join(" ")} ended with ${code}`)),
    );
  });
