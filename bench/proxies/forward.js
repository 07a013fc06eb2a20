// The proxy that people write with Node's `ws`: it forwards messages and looks at nothing.
"use strict";
const fs = require("fs");
const http = require("http");
const https = require("https");
const { WebSocket, WebSocketServer } = require("ws");

const [port, backendUrl, certificate, key] = process.argv.slice(2);
const server = certificate
  ? https.createServer({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key) })
  : http.createServer();
const stations = new WebSocketServer({ server, perMessageDeflate: false });

stations.on("connection", (station, request) => {
  const early = [];
  const backend = new WebSocket(backendUrl + request.url, ["ocpp1.6"], { perMessageDeflate: false });
  backend.on("open", () => {
    for (const [data, binary] of early.splice(0)) backend.send(data, { binary });
  });
  station.on("message", (data, binary) => {
    if (backend.readyState === WebSocket.OPEN) backend.send(data, { binary });
    else early.push([data, binary]);
  });
  backend.on("message", (data, binary) => station.send(data, { binary }));
  station.on("close", () => backend.terminate());
  station.on("error", () => station.terminate());
  backend.on("close", () => station.terminate());
  backend.on("error", () => station.terminate());
});
server.listen(Number(port), "127.0.0.1", 4096);
