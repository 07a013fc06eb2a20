// One far end of a SOAP interoperability test, on the soap package.
//   node soap.mjs server PORT WSDL ANSWERS    a service; ANSWERS: file with {operation: answer | {fault: [role, subcode, reason]}}
//   node soap.mjs client URL WSDL IDENTITY CALLS    calls each [operation, arguments] of the file CALLS in turn
// Prints one JSON line for each thing that happened; a client's exit code is 0 when every call was answered or refused.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import soap from "soap";

const ADDRESSING = "http://www.w3.org/2005/08/addressing";
const [role, ...words] = process.argv.slice(2);
const say = (what, more = {}) => console.log(JSON.stringify({ what, ...more }));
const read = (file) => readFileSync(file, "utf8");
const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const text = (header) => header?.$value ?? header;
const addressing = (name, content) => `<wsa:${name} xmlns:wsa="${ADDRESSING}">${content}</wsa:${name}>`;

function related(operation, _, headers) {
  return (
    addressing("Action", `/${operation}Response`) +
    addressing("MessageID", `urn:uuid:${randomUUID()}`) +
    addressing("RelatesTo", escaped(text(headers?.MessageID) ?? ""))
  );
}

// SOAP 1.2 wants codes in its own namespace; the package calls that one "soap" in whatever it writes.
const refusal = ([role, subcode, reason]) => ({
  Fault: {
    Code: { Value: `soap:${role}`, Subcode: { Value: subcode } },
    Reason: { Text: { attributes: { "xml:lang": "en" }, $value: reason } },
    statusCode: 500,
  },
});

function serve(port, wsdl, file) {
  const answers = JSON.parse(read(file));
  const server = createServer();
  const answering = (operation) => (payload, _, headers) => {
    const named = Object.fromEntries(Object.entries(headers ?? {}).map(([name, header]) => [name, text(header)]));
    say("called", { operation, payload, headers: named });
    const answer = answers[operation];
    if (answer?.fault) throw refusal(answer.fault);
    return answer;
  };
  const xml = read(wsdl);
  const name = /<w:service name="(\w+)"/.exec(xml)[1];
  const operations = [...xml.matchAll(/<soap12:operation soapAction="\/(\w+)"/g)].map((found) => found[1]);
  const port12 = Object.fromEntries(operations.map((operation) => [operation, answering(operation)]));
  const services = { [name]: { [`${name}Port`]: port12 } };
  const listening = () => {
    server.prependListener("request", (request) => {
      const parts = [];
      request.on("data", (part) => parts.push(part));
      request.on("end", () => {
        const raw = Buffer.concat(parts).toString("base64");
        say("received", { raw, path: request.url, headers: request.headers });
      });
    });
    server.listen(Number(port), "127.0.0.1", () => say("listening"));
  };
  const options = { path: /.*/, services, xml, forceSoap12Headers: true, callback: listening };
  const service = soap.listen(server, options);
  service.addSoapHeader(related);
  service.log = (type, data) => type === "replied" && say("replied", { xml: data });
}

async function call(endpoint, wsdl, identity, file) {
  const client = await soap.createClientAsync(wsdl, { endpoint, forceSoap12Headers: true });
  const namespace = /targetNamespace="([^"]+)"/.exec(read(wsdl))[1];
  for (const [operation, payload] of JSON.parse(read(file))) {
    const id = `urn:uuid:${randomUUID()}`;
    client.clearSoapHeaders();
    client.addSoapHeader(`<o:chargeBoxIdentity xmlns:o="${namespace}">${escaped(identity)}</o:chargeBoxIdentity>`);
    client.addSoapHeader(addressing("Action", `/${operation}`) + addressing("MessageID", id));
    client.addSoapHeader(addressing("To", escaped(endpoint)));
    await client[`${operation}Async`](payload).then(
      ([answer, xml]) => say("answered", { operation, id, answer, xml, sent: client.lastRequest }),
      (error) => say("refused", { operation, id, status: error.response?.status, xml: error.body, error: String(error) }),
    );
  }
  say("done");
}

await (role === "server" ? serve(...words) : call(...words));
