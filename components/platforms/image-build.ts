// Our own image as a Pulumi resource: built by BuildKit, and pushed with the login that Docker has, whenever its tag is a new one.
import { relative } from "node:path";
import type * as pulumi from "@pulumi/pulumi";
import type { StackConfig } from "../config.ts";
import { imageArguments } from "../image.ts";
import { versions } from "../versions.ts";
import { baseImage, checkout, type ImageBuild, ownCode } from "./images.ts";
import { Provided } from "./provided.ts";

/**
 * Registers the build of the image. Of the two providers that build images this is the one that can hand
 * over build secrets, builds for several processors and compares what it builds by its content; the other one's page sends
 * people here. Its SDK is a single class, and a script that runs at each installation, so the type's name does without it.
 */
export function buildImage({ reference, to }: ImageBuild, config: StackConfig, set: pulumi.Config): pulumi.Resource {
  const pushed = to === "registry";
  const { version } = versions["docker-build"];
  // As seen from where Pulumi runs the program, so that it is the same in every checkout.
  const context = relative(process.cwd(), checkout) || ".";
  return new Provided(
    "docker-build:index:Image",
    "image",
    {
      tags: [reference],
      context: { location: context },
      dockerfile: { location: `${context}/Dockerfile` },
      buildArgs: imageArguments(checkout, baseImage(), ownCode()),
      // An engine takes what is for its own processor.
      ...(pushed ? { platforms: config.imagePlatforms } : {}),
      // Without it npm asks the public registry. A new login is no reason to build anew.
      secrets: { npmrc: config.secrets.includes("npmConfig") ? set.requireSecret("npmConfig") : "" },
      ignoreSecretsInDiffCalculation: ["npmrc"],
      push: pushed,
      load: !pushed,
      buildOnPreview: false,
    },
    // Containers of an earlier release, and other stacks, may still need what was built.
    { version, retainOnDelete: true },
  );
}
