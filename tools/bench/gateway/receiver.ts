// Takes whatever is posted and keeps nothing, as far from the load's process as a collector is: `node receiver.ts PORT`.
import { createServer } from "node:http";

createServer((request, response) => {
  request.resume().on("end", () => response.writeHead(200, { "content-type": "application/json" }).end("{}"));
}).listen(Number(process.argv[2]), "127.0.0.1");
