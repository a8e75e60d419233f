// Node's HTTP module without its ES module view: that reads every export, and one of them loads a WebSocket client: 13 MB, 25 ms.
export const { Agent, createServer, get, request } = process.getBuiltinModule("node:http");
