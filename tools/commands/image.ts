// Builds our own image with Docker, and pushes it: for those who build outside Pulumi, and for containers on this machine.
import { spawn } from "node:child_process";
import { stackError } from "../../components/errors.ts";
import { imageArguments } from "../../components/image.ts";
import { baseImage, checkout, ownCode, ownTag } from "../../components/platforms/images.ts";
import { output } from "../exec.ts";
import { command } from "../stack/command.ts";

const help = `npm run image                                builds it under the name that a stack on this machine's Docker looks for
npm run image -- --registry REGISTRY --push  builds it under the name that a stack with vitals:registry looks for, and pushes it
    --tag REFERENCE  another name
    --npmrc FILE     npm's settings for the build, where packages come from a mirror
    --network NAME   the network of the build, such as host
Needs Docker with BuildKit (23 or newer has it). A push uses the login that Docker has.`;

const options = {
  registry: { type: "string" },
  tag: { type: "string" },
  push: { type: "boolean", default: false },
  npmrc: { type: "string" },
  network: { type: "string" },
} as const;

await command(help, options, async ({ values: { registry, tag, push, npmrc, network } }) => {
  const base = baseImage();
  const code = ownCode();
  const build = imageArguments(checkout, base, code);
  const name = ownTag(build.VERSION ?? "", code);
  const reference = typeof tag === "string" ? tag : typeof registry === "string" ? `${registry}/${name}` : name;
  await docker([
    "build",
    ...Object.entries(build).flatMap(([key, value]) => ["--build-arg", `${key}=${value}`]),
    ...(typeof npmrc === "string" ? ["--secret", `id=npmrc,src=${npmrc}`] : []),
    ...(typeof network === "string" ? ["--network", network] : []),
    ...["--tag", reference, checkout],
  ]);
  const bytes = Number(await output("docker", ["image", "inspect", "--format", "{{.Size}}", reference]));
  console.log(`${reference}  ${(bytes / 1e6).toFixed(0)} MB`);
  if (push === true) await docker(["push", reference]);
  return 0;
});

/** With its own words on this terminal. */
function docker(args: readonly string[]): Promise<void> {
  const env = { ...process.env, DOCKER_BUILDKIT: "1" };
  const where = `docker ${args[0]}`;
  return new Promise((done, failed) => {
    const child = spawn("docker", args, { env, stdio: ["ignore", "inherit", "inherit"] });
    child.once("error", (error) =>
      failed(stackError(where, `cannot be started: ${error.message}`, "Install Docker on this machine.", error)),
    );
    child.once("close", (status) =>
      status === 0
        ? done()
        : failed(stackError(where, `ended with ${status}`, "Its own words are above; mend what they name.")),
    );
  });
}
