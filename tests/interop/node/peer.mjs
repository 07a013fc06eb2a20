// One far end of an interoperability test, on the ocpp-rpc package with strict validation on.
//   node peer.mjs server PORT VERSION            a CSMS
//   node peer.mjs client URL IDENTITY VERSION    a charger that says a whole session and hangs up
// Prints one JSON line for each thing that happened; exit code 0 when all went as it should.
import { RPCClient, RPCServer, createRPCError } from "ocpp-rpc";

const NOW = "2026-01-01T00:00:00Z";
const [role, ...words] = process.argv.slice(2);
const say = (what, more = {}) => console.log(JSON.stringify({ what, ...more }));

const ANSWERS = {
  "ocpp1.6": {
    BootNotification: () => ({ currentTime: NOW, interval: 300, status: "Accepted" }),
    StatusNotification: () => ({}),
    Heartbeat: () => ({ currentTime: NOW }),
    Authorize: () => ({ idTagInfo: { status: "Accepted" } }),
    StartTransaction: () => ({ transactionId: 7, idTagInfo: { status: "Accepted" } }),
    MeterValues: () => ({}),
    StopTransaction: () => ({}),
  },
  "ocpp2.0.1": {
    BootNotification: () => ({ currentTime: NOW, interval: 300, status: "Accepted" }),
    StatusNotification: () => ({}),
    Heartbeat: () => ({ currentTime: NOW }),
    Authorize: () => ({ idTokenInfo: { status: "Accepted" } }),
    TransactionEvent: () => ({}),
  },
};

const COMMAND = {
  "ocpp1.6": ["ChangeAvailability", { connectorId: 0, type: "Operative" }],
  "ocpp2.0.1": ["ChangeAvailability", { operationalStatus: "Operative" }],
};

const TOKEN = { idToken: "04E1", type: "ISO14443" };
const event = (eventType, seqNo, triggerReason, more = {}) => [
  "TransactionEvent",
  { eventType, timestamp: NOW, triggerReason, seqNo, transactionInfo: { transactionId: "t-1" }, ...more },
];
const SESSION = {
  "ocpp1.6": [
    ["BootNotification", { chargePointVendor: "Finch", chargePointModel: "Sparrow" }],
    ["StatusNotification", { connectorId: 1, errorCode: "NoError", status: "Preparing" }],
    ["Authorize", { idTag: "04E1" }],
    ["StartTransaction", { connectorId: 1, idTag: "04E1", meterStart: 0, timestamp: NOW }],
    ["MeterValues", { connectorId: 1, transactionId: 7, meterValue: [{ timestamp: NOW, sampledValue: [{ value: "21.40" }] }] }],
    ["StopTransaction", { transactionId: 7, meterStop: 9, timestamp: NOW }],
  ],
  "ocpp2.0.1": [
    ["BootNotification", { reason: "PowerUp", chargingStation: { model: "Sparrow", vendorName: "Finch" } }],
    ["StatusNotification", { timestamp: NOW, connectorStatus: "Occupied", evseId: 1, connectorId: 1 }],
    ["Authorize", { idToken: TOKEN }],
    event("Started", 0, "Authorized", { idToken: TOKEN, evse: { id: 1 } }),
    event("Updated", 1, "MeterValuePeriodic", { meterValue: [{ timestamp: NOW, sampledValue: [{ value: 21.4 }] }] }),
    event("Ended", 2, "StopAuthorized"),
  ],
};

async function serve(port, version) {
  const server = new RPCServer({ protocols: [version], strictMode: true });
  server.auth((accept) => accept({}));
  server.on("client", (client) => {
    say("client", { identity: client.identity, protocol: client.protocol });
    for (const [action, answer] of Object.entries(ANSWERS[version])) {
      client.handle(action, () => {
        say("called", { action });
        return answer();
      });
    }
    client.handle("DataTransfer", () => {
      throw createRPCError("NotSupported", "not here");
    });
    client.on("strictValidationFailure", (problem) => say("invalid", { problem: String(problem.error ?? problem) }));
    const [action, payload] = COMMAND[version];
    setTimeout(async () => {
      say("commanded", { answer: await client.call(action, payload) });
      const failed = await client.call("ClearCache", {}).then(() => null, (error) => error.rpcErrorCode);
      say("refused", { code: failed });
    }, 200);
  });
  await server.listen(Number(port), "127.0.0.1");
  say("listening");
}

async function charge(endpoint, identity, version) {
  const client = new RPCClient({ endpoint, identity, protocols: [version], strictMode: true, reconnect: false });
  let commanded;
  const command = new Promise((resolve) => (commanded = resolve));
  client.handle(COMMAND[version][0], () => ({ status: "Accepted" }));
  client.handle("ClearCache", () => {
    commanded();
    throw createRPCError("NotSupported", "not here");
  });
  client.on("strictValidationFailure", (problem) => say("invalid", { problem: String(problem.error ?? problem) }));
  await client.connect();
  say("connected", { protocol: client.protocol });
  for (const [action, payload] of SESSION[version]) {
    say("answered", { action, answer: await client.call(action, payload) });
  }
  const code = await client.call("DataTransfer", { vendorId: "Finch" }).then(() => null, (error) => error.rpcErrorCode);
  say("refused", { code });
  await command;
  await client.close();
  say("done");
}

await (role === "server" ? serve(...words) : charge(...words));
