"""SOAP stacks that nobody here wrote: zeep of PyPI as a client, and the npm package `soap` as client and server."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

import zeep
from aiohttp import web
from lxml import etree
from zeep.helpers import serialize_object
from zeep.transports import Transport

from tests.harness import free_port, within
from tests.interop.far_ends import node
from tests.interop.soap_wsdl import IDENTITY, element, written
from tests.ocpp.soap_bodies import SERVICES, service_of

ADDRESSING = "http://www.w3.org/2005/08/addressing"
SOAP = "http://www.w3.org/2003/05/soap-envelope"

Json = dict[str, Any]


# Envelopes, as plain lxml reads them.


def header(raw: bytes, name: str) -> str:
    """Give the text of a header of WS-Addressing; "" when there is none."""
    found = etree.fromstring(raw).findtext(f"{{{SOAP}}}Header/{{{ADDRESSING}}}{name}")
    return (found or "").strip()


def endpoint(raw: bytes, name: str) -> str:
    """Give the address in a header of WS-Addressing such as From; "" when there is none."""
    found = etree.fromstring(raw).findtext(f"{{{SOAP}}}Header/{{{ADDRESSING}}}{name}/{{{ADDRESSING}}}Address")
    return (found or "").strip()


def body(raw: bytes) -> bytes:
    """Cut the body out of an envelope, byte by byte as it stands there."""
    start = raw.index(b":Body")
    start = raw.rindex(b"<", 0, start)
    end = raw.rindex(b"</")
    return raw[start : raw.rindex(b">", start, end) + 1]


def plain(tree: Any) -> Any:
    """Give an element as dictionaries, lists of what stands more than once, and texts."""
    attributes = {name: value for name, value in tree.attrib.items() if not name.startswith("{")}
    if attributes:
        return {"attributes": attributes, "$value": tree.text or ""}
    if len(tree) == 0:
        return tree.text or ""
    found: Json = {}
    for child in tree:
        found.setdefault(etree.QName(child).localname, []).append(plain(child))
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def texts(value: Any) -> Any:
    """Give what is said without its type: Node.js gives numbers, truths and times as such, and nothing for nothing."""
    match value:
        case dict():
            return {name: texts(one) for name, one in value.items()}
        case list():
            found = [texts(one) for one in value]
            return found[0] if len(found) == 1 else found
        case bool():
            return str(value).lower()
        case str() if value.endswith(".000Z"):
            return value.replace(".000Z", "Z")
        case None:
            return ""
    return str(value)


def understood(answer: Any, wanted: Any) -> Any:
    """Give an answer of zeep under its name: zeep gives the value alone when there is but one."""
    return {next(iter(wanted)): answer} if len(wanted) == 1 else answer or {}


# zeep


class _Wire(Transport):
    """zeep's transport, which remembers what went over it."""

    def __init__(self) -> None:
        super().__init__(operation_timeout=30)
        self.sent = b""
        self.received = b""
        self.status = 0
        self.content_type = ""

    def post(self, address: str, message: bytes, headers: dict[str, str]) -> Any:
        """Send as zeep does."""
        self.sent = message
        response = super().post(address, message, headers)
        self.received, self.status = response.content, response.status_code
        self.content_type = response.headers.get("Content-Type", "")
        return response


class ZeepClient:
    """A SOAP client of zeep: a station towards a central system, or a central system towards a station."""

    def __init__(
        self, folder: Path, version: str, service: str, url: str, identity: str, listens: str = "", to: str = ""
    ) -> None:
        """`listens` is where the client itself takes calls, if it does; `to` another To than the URL."""
        self.identity = identity
        self._wire = _Wire()
        self._client = zeep.Client(str(written(folder, version, service, url)), transport=self._wire)
        self._namespace = service_of(version, service)["namespace"]
        self._listens = listens

    @property
    def sent(self) -> bytes:
        """The envelope that was sent last."""
        return self._wire.sent

    @property
    def received(self) -> bytes:
        """The envelope that was received last."""
        return self._wire.received

    @property
    def status(self) -> int:
        """The HTTP status that was received last."""
        return self._wire.status

    @property
    def content_type(self) -> str:
        """The Content-Type that was received last."""
        return self._wire.content_type

    async def call(self, operation: str, **arguments: Any) -> Any:
        """Call, and give the answer as zeep understands it."""
        return await within(asyncio.to_thread(self._call, operation, arguments), f"zeep's {operation} is answered")

    def _call(self, operation: str, arguments: Json) -> Any:
        answer = self._client.service[operation](**arguments, _soapheaders=self._headers())
        assert header(self.received, "RelatesTo") == header(self.sent, "MessageID"), self.received
        return serialize_object(answer, dict)

    def _headers(self) -> list[Any]:
        identity = etree.Element(f"{{{self._namespace}}}{IDENTITY}", {f"{{{SOAP}}}mustUnderstand": "true"})
        identity.text = self.identity
        return [identity, *(self._endpoint(name, where) for name, where in self._endpoints().items())]

    def _endpoints(self) -> dict[str, str]:
        return {"From": self._listens, "ReplyTo": f"{ADDRESSING}/anonymous"} if self._listens else {}

    def _endpoint(self, name: str, where: str) -> Any:
        endpoint = etree.Element(f"{{{ADDRESSING}}}{name}")
        etree.SubElement(endpoint, f"{{{ADDRESSING}}}Address").text = where
        return endpoint

    def value(self, name: str, xml: str) -> Any:
        """Read an element by the WSDL, as zeep does: what to call with, or what an answer should be."""
        kind = self._client.get_element(f"{{{self._namespace}}}{element(name)}")
        return serialize_object(kind.parse(etree.fromstring(xml), self._client.wsdl.types), dict) or {}


# The package `soap` of npm


class _Process:
    """A process of `soap.mjs` that tells what happened, one JSON object a line."""

    def __init__(self, *words: str) -> None:
        self._words = words
        self._process: Popen[str] | None = None

    async def launch(self) -> None:
        self._process = await asyncio.to_thread(node, *self._words, program="soap.mjs")

    async def event(self, what: str) -> Json:
        """Wait for a thing to happen, past others that do."""
        passed: list[Json] = []
        while (found := await self.next())["what"] != what:
            passed.append(found)
            assert len(passed) < 10, f"no {what} at the SOAP stack on Node.js: {passed}"
        return found

    async def next(self) -> Json:
        """Wait for the next thing to happen."""
        line = await within(asyncio.to_thread(self._line), "something happens at the SOAP stack on Node.js")
        assert line, "the SOAP stack on Node.js ended"
        found: Json = json.loads(line)
        return found

    def _line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    async def drop(self) -> None:
        """Leave no process behind."""
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.communicate)


@dataclass(frozen=True, slots=True)
class Heard:
    """One call that a service on Node.js took."""

    operation: str
    payload: Any
    headers: dict[str, str]
    raw: bytes
    reply: bytes
    path: str
    http: dict[str, str]


class NodeService:
    """A central system, or the charge point service of a station, on Node.js."""

    def __init__(self, folder: Path, version: str, service: str, answers: Json) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/{SERVICES[service]}"
        wsdl = written(folder, version, service, self.url)
        answered = folder / f"{service}-{version}-{self.port}.json"
        answered.write_text(json.dumps(answers))
        self._process = _Process("server", str(self.port), str(wsdl), str(answered))

    async def start(self) -> None:
        """Listen."""
        await self._process.launch()
        await self._process.event("listening")

    async def heard(self) -> Heard:
        """Wait for the next call."""
        received = await self._process.event("received")
        called = await self._process.event("called")
        replied = await self._process.event("replied")
        return Heard(
            called["operation"],
            called["payload"],
            called["headers"],
            base64.b64decode(received["raw"]),
            replied["xml"].encode(),
            received["path"],
            received["headers"],
        )

    async def drop(self) -> None:
        """Leave no process behind."""
        await self._process.drop()


async def node_calls(
    folder: Path, version: str, service: str, url: str, identity: str, calls: list[tuple[str, Any]]
) -> list[Json]:
    """Call a service from Node.js, in turn, and give what came of each call."""
    said = folder / f"calls-{service}-{version}-{free_port()}.json"
    said.write_text(json.dumps(calls))
    process = _Process("client", url, str(written(folder, version, service, url)), identity, str(said))
    try:
        await process.launch()
        found = []
        while (event := await process.next())["what"] != "done":
            found.append(event)
        return found
    finally:
        await process.drop()


# A server for what answers in Python


@contextlib.asynccontextmanager
async def service(answer: Callable[[bytes], Awaitable[tuple[int, bytes]]]) -> AsyncIterator[str]:
    """Serve SOAP over HTTP with a function of the envelope, and give the URL."""

    async def serve(request: web.Request) -> web.Response:
        status, said = await answer(await request.read())
        return web.Response(status=status, body=said, content_type="application/soap+xml", charset="utf-8")

    application = web.Application()
    application.router.add_post("/{path:.*}", serve)
    runner = web.AppRunner(application)
    await runner.setup()
    port = free_port()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{port}/soap"
    finally:
        await runner.cleanup()
