// Our own image without its build: the same files in the same places, for tests of what runs it rather than of how it is made.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { imageFiles } from "../../components/image.ts";
import { checkout } from "../../components/platforms/images.ts";
import type { StandIn } from "./docker-images.ts";

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly optional?: boolean }>>;
}

export function ownImage(): StandIn {
  const { packages } = JSON.parse(readFileSync(join(checkout, "package-lock.json"), "utf8")) as Lock;
  const modules = Object.entries(packages)
    .filter(([path, { dev, optional }]) => path !== "" && dev !== true && optional !== true)
    .map(([path]) => path)
    .filter((path) => existsSync(join(checkout, path)));
  return {
    programs: { "/usr/local/bin/node": process.execPath },
    files: Object.fromEntries(
      ["package.json", ...imageFiles(checkout), ...modules].map((path) => [`/app/${path}`, join(checkout, path)]),
    ),
    settings: ['ENTRYPOINT ["node"]', "WORKDIR /app", "USER 65532:65532", "ENV PATH=/usr/local/bin"],
  };
}
