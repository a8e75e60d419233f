// nginx with a proxy_cache, as one process that answers as the gateway does: from memory of the same bytes, to connections that stay open.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../../test/support/ports.ts";
import { acquire } from "../../acquire.ts";
import { programOf } from "../../programs.ts";
import { findTool } from "../../resolve.ts";
import { type Program, startProgram } from "../program.ts";

/** Undefined where it cannot be had. Everything that it writes lies in `folder`. */
export async function startNginx(folder: string, upstream: string): Promise<Program | undefined> {
  const program = programOf("nginx");
  if (program !== undefined) await acquire({ only: [program] });
  const tool = findTool("nginx");
  if (tool === undefined) return undefined;
  const [port, file] = [await freePort(), join(folder, "nginx.conf")];
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  mkdirSync(join(folder, "nginx"));
  const settings = `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log ${folder}/nginx.log crit;
events { worker_connections 256; }
http {
  access_log off;
  keepalive_requests 1000000000;
${temporary.map((name) => `  ${name}_temp_path ${folder}/nginx/${name};`).join("\n")}
  proxy_cache_path ${folder}/nginx/cache keys_zone=answers:1m;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass ${upstream};
      proxy_cache answers;
      proxy_cache_valid 200 10m;
    }
  }
}
`;
  writeFileSync(file, settings);
  return startProgram([tool.path, "-p", folder, "-c", file, "-e", join(folder, "nginx.log")], { port, path: "/" });
}
