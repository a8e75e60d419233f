// Backups as a program: node backup/main.ts take|restore|verify --of prometheus|alertmanager|grafana …
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { messageOf, stackError } from "../components/errors.ts";
import { listBackups, restoreBackup, takeBackup, verifyBackup } from "./archive.ts";
import { report } from "./report.ts";
import { type SourceName, sources } from "./sources.ts";

const usage = `node backup/main.ts take    --of NAME --archive DIR --data DIR [--keep 7] [--url URL] [--report URL]… [--user NAME --password-file FILE]
  node backup/main.ts restore --of NAME --archive DIR --data DIR [--backup NAME] [--overwrite]
  node backup/main.ts verify  --of NAME --archive DIR [--backup NAME]
  NAME of --of: ${Object.keys(sources).join(", ")}. Without --backup, the newest.
  --report: a Prometheus that is told when the backup is whole.`;

async function main(args: readonly string[]): Promise<string> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      of: { type: "string", default: "" },
      archive: { type: "string" },
      data: { type: "string" },
      keep: { type: "string", default: "7" },
      url: { type: "string" },
      report: { type: "string", multiple: true, default: [] },
      user: { type: "string" },
      "password-file": { type: "string" },
      backup: { type: "string" },
      overwrite: { type: "boolean", default: false },
    },
  });
  const need = (name: "archive" | "data"): string => {
    const value = values[name];
    if (value === undefined) throw stackError(`backup --${name}`, "is missing", usage);
    return value;
  };
  if (!Object.hasOwn(sources, values.of)) throw stackError("backup --of", `"${values.of}" has no backups`, usage);
  const of = values.of as SourceName;
  const archive = need("archive");
  const chosen = async (): Promise<string> => {
    const all = await listBackups(archive);
    const name = values.backup ?? all.at(-1);
    if (name === undefined || !all.includes(name))
      throw stackError(archive, `has no backup ${name ?? ""}`.trimEnd(), `Complete ones: ${all.join(", ") || "none"}.`);
    return name;
  };
  switch (positionals.join(" ")) {
    case "take": {
      const keep = Number(values.keep);
      if (!Number.isInteger(keep) || keep < 1)
        throw stackError("backup --keep", `"${values.keep}" is no number of backups`, usage);
      const url = values.url === undefined ? undefined : urlIn("--url", values.url);
      const reports = values.report.map((each) => urlIn("--report", each));
      const authorization = basicAuth(values.user, values["password-file"]);
      const origin = { data: need("data"), ...(url && { url }), ...(authorization && { authorization }) };
      const took = `took ${await takeBackup(of, origin, archive, keep)} of ${of}`;
      const failures = await report(reports, { service: of, ...(authorization && { authorization }) });
      return [took, ...failures].join("\n");
    }
    case "restore": {
      const [name, data] = [await chosen(), need("data")];
      await restoreBackup(of, join(archive, name), data, values.overwrite);
      return `restored ${name} of ${of}`;
    }
    case "verify": {
      const name = await chosen();
      const { files } = await verifyBackup(of, join(archive, name));
      return `${name} of ${of} is whole: ${files.length} files, ${files.reduce((sum, { bytes }) => sum + bytes, 0)} bytes`;
    }
    default:
      throw stackError("backup", `"${positionals.join(" ")}" is no command`, usage);
  }
}

function urlIn(option: string, text: string): URL {
  const url = URL.parse(text);
  if (url === null) throw stackError(`backup ${option}`, `"${text}" is not a URL`, usage);
  return url;
}

function basicAuth(user: string | undefined, passwordFile: string | undefined): string | undefined {
  if ((user === undefined) !== (passwordFile === undefined))
    throw stackError("backup --user", "needs --password-file, and the other way round", usage);
  if (passwordFile === undefined) return undefined;
  // Read at each run: a new password needs nothing else.
  return `Basic ${Buffer.from(`${user}:${readFileSync(passwordFile, "utf8").trim()}`).toString("base64")}`;
}

try {
  process.stdout.write(`${await main(process.argv.slice(2))}\n`);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}
