"""SOAP stations and SOAP backends in the hands of a test: HTTP by bare streams, so that bytes are judged.

    soap = await SoapServer.start(stage, "old")       # a backend; it stands in the configuration like any other
    await gateway(stage)
    station = await SoapStation.start(stage, "CP1")   # with a callback server of its own
    asked = await station.ask(request("Heartbeat"))
    call = await soap.expect("Heartbeat")
    await call.answer(response("Heartbeat", "<currentTime>2026-01-01T00:00:00Z</currentTime>", call))
    assert (await asked.reply()).status == 200

Envelopes are written here by hand, not by the product.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import re
import zlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from lxml import etree

from tests.harness import Gateway, Stage, Transcript, free_port, merged, within

SOAP = "http://www.w3.org/2003/05/soap-envelope"
SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
WSA = "http://www.w3.org/2005/08/addressing"
ANONYMOUS = f"{WSA}/anonymous"
TYPE = "application/soap+xml; charset=utf-8"
DATES = {"1.2": "2010/08", "1.5": "2012/06", "1.6": "2015/10"}
VERSIONS = tuple(DATES)
NOW = "2026-01-01T00:00:00Z"
ID = "urn:uuid:6f1a0c2e-0001-4000-8000-000000000001"


# Envelopes.


def namespace(version: str = "1.6", service: str = "Cs") -> str:
    """Give the namespace of a service."""
    return f"urn://Ocpp/{service}/{DATES[version]}/"


def enveloped(header: str, body: str, soap: str = SOAP) -> bytes:
    """Put a header and a body into an envelope."""
    head = f"<s:Header>{header}</s:Header>" if header else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<s:Envelope xmlns:s="{soap}" xmlns:w="{WSA}">'
        f"{head}<s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def identified(identity: str, version: str = "1.6", service: str = "Cs") -> str:
    """Write the header that names the station."""
    return (
        f'<o:chargeBoxIdentity xmlns:o="{namespace(version, service)}" s:mustUnderstand="true">{escape(identity)}'
        "</o:chargeBoxIdentity>"
    )


def request(
    operation: str,
    content: str = "",
    *,
    identity: str = "CP1",
    version: str = "1.6",
    service: str = "Cs",
    sender: str = "",
    message_id: str = ID,
    action: str | None = None,
    soap: str = SOAP,
    more: str = "",
) -> bytes:
    """Write a request; a header whose value is "" is left out."""
    headers = [
        identified(identity, version, service) if identity else "",
        f"<w:Action>{'/' + operation if action is None else action}</w:Action>",
        f"<w:MessageID>{escape(message_id)}</w:MessageID>" if message_id else "",
        f"<w:From><w:Address>{escape(sender)}</w:Address></w:From>" if sender else "",
        f"<w:ReplyTo><w:Address>{ANONYMOUS}</w:Address></w:ReplyTo>",
        "<w:To>http://gateway.example/soap</w:To>",
    ]
    return enveloped("".join(headers) + more, bodied(operation, "Request", content, version, service), soap)


def bodied(operation: str, kind: str, content: str, version: str = "1.6", service: str = "Cs") -> str:
    """Write a body."""
    tag = f"{operation[0].lower()}{operation[1:]}{kind}"
    return f'<{tag} xmlns="{namespace(version, service)}">{content}</{tag}>'


def response(
    operation: str,
    content: str,
    relates_to: str = "",
    *,
    version: str = "1.6",
    service: str = "Cs",
    action: str | None = None,
    soap: str = SOAP,
    more: str = "",
    header: bool = True,
) -> bytes:
    """Write an answer."""
    headers = (
        f"<w:Action>{f'/{operation}Response' if action is None else action}</w:Action>"
        "<w:MessageID>urn:uuid:6f1a0c2e-0002-4000-8000-000000000002</w:MessageID>"
        f"<w:To>{ANONYMOUS}</w:To>"
    ) + (f"<w:RelatesTo>{escape(relates_to)}</w:RelatesTo>" if relates_to else "")
    body = bodied(operation, "Response", content, version, service)
    return enveloped(headers + more if header else "", body, soap)


def faulty(subcode: str, role: str = "Sender", reason: str = "because", relates_to: str = "") -> bytes:
    """Write a fault."""
    related = f"<w:RelatesTo>{escape(relates_to)}</w:RelatesTo>" if relates_to else ""
    return enveloped(
        f"<w:Action>{WSA}/soap/fault</w:Action>{related}",
        f"<s:Fault><s:Code><s:Value>s:{role}</s:Value><s:Subcode>"
        f'<s:Value xmlns:e="urn://Ocpp/Cs/2015/10/">e:{subcode}</s:Value></s:Subcode></s:Code>'
        f'<s:Reason><s:Text xml:lang="en">{escape(reason)}</s:Text></s:Reason></s:Fault>',
    )


_INSIDE = re.compile(rb"<[^<>/]*Body[^<>]*>(.*)</[^<>]*Body>", re.DOTALL)

HEARTBEAT_ANSWER = f"<currentTime>{NOW}</currentTime>"


@dataclass(frozen=True, slots=True)
class Seen:
    """A SOAP message as a test looks at it, read with lxml."""

    raw: bytes
    root: etree._Element

    @classmethod
    def of(cls, raw: bytes) -> Seen:
        """Read a message."""
        return cls(raw, etree.fromstring(raw))

    @property
    def soap(self) -> str:
        """The namespace of the envelope."""
        return str(etree.QName(self.root).namespace)

    def header(self, name: str) -> str:
        """Give the value of a header, "" when there is none; of From and ReplyTo, that of Address."""
        found = self.root.xpath("*[local-name()='Header']/*[local-name()=$name]", name=name)
        assert len(found) <= 1, f"{name} came {len(found)} times"
        return "".join(found[0].itertext()).strip() if found else ""

    @property
    def body(self) -> etree._Element:
        """The child of the body."""
        return self.root.xpath("*[local-name()='Body']/*")[0]

    @property
    def operation(self) -> str:
        """The local name of the body."""
        return str(etree.QName(self.body).localname)

    @property
    def namespace(self) -> str:
        """The namespace of the body."""
        return str(etree.QName(self.body).namespace)

    @property
    def inside(self) -> bytes:
        """The bytes between the tags of Body."""
        found = _INSIDE.search(self.raw)
        assert found is not None
        return found[1]

    def values(self) -> dict[str, str]:
        """Give the texts of the body's elements."""
        return {str(etree.QName(child).localname): (child.text or "") for child in self.body}

    @property
    def fault(self) -> tuple[str, str]:
        """Whose fault it is, and the subcode, without prefixes."""
        texts = self.body.xpath("//*[local-name()='Code']//*[local-name()='Value']/text()")
        assert texts, f"not a fault of SOAP 1.2: {self.raw!r}"
        role, subcode = (*texts, "")[:2]
        return role.rpartition(":")[2], subcode.rpartition(":")[2]


# HTTP.


@dataclass(frozen=True, slots=True)
class Http:
    """A request or an answer: its first line, its headers with names in lower case, its body as it came."""

    first: str
    headers: dict[str, str]
    body: bytes

    @property
    def status(self) -> int:
        """The status of an answer."""
        return int(self.first.split(" ")[1])

    @property
    def target(self) -> str:
        """The target of a request."""
        return self.first.split(" ")[1]

    @property
    def content(self) -> bytes:
        """The body, unpacked."""
        match self.headers.get("content-encoding", ""):
            case "gzip":
                return gzip.decompress(self.body)
            case "deflate":
                return zlib.decompress(self.body)
        return self.body

    @property
    def seen(self) -> Seen:
        """The envelope."""
        return Seen.of(self.content)


async def read_http(reader: asyncio.StreamReader) -> Http:
    """Read a request or an answer; one without a length ends with the connection."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip("\r\n")
    first, *lines = head.split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = await _chunked(reader)
    elif "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    else:
        body = b"" if first.startswith("POST") or " 100 " in first else await reader.read()
    return Http(first, headers, body)


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body


def posted(body: bytes, path: str = "/soap", **headers: str) -> bytes:
    """Write a POST; a header whose value is "" is left out, `_` in a name stands for `-`."""
    lines = {"Host": "gateway", "Content-Type": TYPE, "Content-Length": str(len(body))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    kept = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return f"POST {path} HTTP/1.1\r\n{kept}\r\n".encode("latin-1") + body


def answered(body: bytes, status: int = 200, **headers: str) -> bytes:
    """Write an answer, likewise."""
    lines = {"Content-Type": TYPE, "Content-Length": str(len(body))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    kept = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return f"HTTP/1.1 {status} As told\r\n{kept}\r\n".encode("latin-1") + body


class Client:
    """A connection to a gateway, or to anything that speaks HTTP."""

    def __init__(
        self, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], transcript: Transcript, name: str
    ) -> None:
        self.reader, self.writer = streams
        self.name = name
        self._transcript = transcript

    @classmethod
    async def connect(cls, stage: Stage, url: str, name: str = "client", source: str = "127.0.0.1") -> Client:
        """Open a connection."""
        parts = urlsplit(url)
        opened = asyncio.open_connection(parts.hostname, parts.port, local_addr=(source, 0))
        client = cls(await within(opened, f"{name} connects"), stage.transcript, name)
        stage._ends.append(client)  # type: ignore[arg-type]
        return client

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        self._transcript.note(self.name, "→", data[:2000].decode("utf-8", "backslashreplace"))
        self.writer.write(data)
        await within(self.writer.drain(), f"{self.name}: the other side reads")

    async def reply(self) -> Http:
        """Read one answer."""
        http = await within(read_http(self.reader), f"{self.name}: an answer")
        self._transcript.note(self.name, "←", f"<{http.first}> {http.body[:2000].decode('utf-8', 'backslashreplace')}")
        return http

    async def post(self, body: bytes, path: str = "/soap", **headers: str) -> Http:
        """Post a body and wait for the answer."""
        await self.send(posted(body, path, **headers))
        return await self.reply()

    async def ended(self) -> bytes:
        """Wait until the other side has closed, and give what came before."""
        chunks = []
        with contextlib.suppress(ConnectionError):
            while data := await within(self.reader.read(1 << 16), f"{self.name}: the end of the connection"):
                chunks.append(data)
        return b"".join(chunks)

    async def drop(self) -> None:
        """Let go of the connection."""
        with contextlib.suppress(AttributeError):
            self.writer.transport.abort()
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            await asyncio.wait_for(self.writer.wait_closed(), 5)


@dataclass(slots=True)
class Taken:
    """A request that reached a server, to be answered by the test."""

    http: Http
    connection: int
    _writer: asyncio.StreamWriter = field(repr=False)
    _free: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    @property
    def seen(self) -> Seen:
        """The envelope."""
        return self.http.seen

    @property
    def id(self) -> str:
        """Its MessageID."""
        return self.seen.header("MessageID")

    async def answer(self, body: bytes, status: int = 200, **headers: str) -> None:
        """Answer it."""
        await self.raw(answered(body, status, **headers))

    async def raw(self, data: bytes, *, more: bool = False) -> None:
        """Answer it with bytes; `more` says that there is more of it to come."""
        self._writer.write(data)
        await within(self._writer.drain(), "the gateway reads the answer")
        if not more:
            self._free.set()

    async def hang_up(self) -> None:
        """Close the connection in good order."""
        self._writer.close()
        self._free.set()

    def reset(self) -> None:
        """Reset the connection."""
        self._writer.transport.abort()
        self._free.set()


class SoapServer:
    """A server of SOAP in the hands of a test: a backend, or what stands behind a station's callback address."""

    def __init__(self, name: str, transcript: Transcript, host: str = "127.0.0.1") -> None:
        self.name = name
        self.host = host
        self.port = free_port()
        self.path = "/soap"
        self.connections = 0
        self.requests: list[Http] = []
        self._transcript = transcript
        self._inbox: deque[Taken] = deque()
        self._changed = asyncio.Event()
        self._guests: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @classmethod
    async def start(cls, stage: Stage, name: str = "old", *, configured: bool = True) -> SoapServer:
        """Listen; it stands in the configuration as a backend unless told otherwise."""
        server = cls(name, stage.transcript)
        await server.listen()
        if configured:
            stage.backends[name] = server  # type: ignore[assignment]
        stage._ends.append(server)  # type: ignore[arg-type]
        return server

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{self.host}:{self.port}{self.path}"

    async def listen(self) -> None:
        """Listen (again)."""
        self._server = await asyncio.start_server(self._welcome, self.host, self.port, reuse_address=True)

    async def stop(self) -> None:
        """Listen no more, and reset every connection."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for guest in list(self._guests):
            guest.cancel()
        await asyncio.gather(*self._guests, return_exceptions=True)

    async def next(self) -> Taken:
        """Give the next request that came."""
        while not self._inbox:
            self._changed.clear()
            await within(self._changed.wait(), f"{self.name}: a request\n{self._transcript}")
        return self._inbox.popleft()

    async def expect(self, operation: str) -> Taken:
        """The next request is this one."""
        taken = await self.next()
        wanted = f"{operation[0].lower()}{operation[1:]}Request"
        assert taken.seen.operation == wanted, f"{self.name}: expected {wanted}, got {taken.http.body!r}"
        return taken

    @property
    def unread(self) -> list[Taken]:
        """What came and no test has asked for yet."""
        return list(self._inbox)

    async def drop(self) -> None:
        """Let go of everything."""
        await self.stop()

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._guests.add(task)
        self.connections += 1
        try:
            await self._serve(reader, writer, self.connections)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the gateway hung up, or the test is over
        finally:
            writer.transport.abort()
            self._guests.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while not writer.is_closing():
            http = await read_http(reader)
            self._transcript.note(self.name, "←", f"<{http.first}> {http.body.decode('utf-8', 'backslashreplace')}")
            self.requests.append(http)
            taken = Taken(http, number, writer)
            self._inbox.append(taken)
            self._changed.set()
            await taken._free.wait()


class SoapStation:
    """A SOAP station: connections to the gateway's listener, and a callback server."""

    def __init__(self, stage: Stage, identity: str, url: str, server: SoapServer) -> None:
        self.identity = identity
        self.url = url
        self.server = server
        self._stage = stage

    @classmethod
    async def start(cls, stage: Stage, identity: str = "CP1") -> SoapStation:
        """Make a station of the newest gateway."""
        server = await SoapServer.start(stage, f"{identity}'s callback", configured=False)
        return cls(stage, identity, soap_url(stage), server)

    @property
    def address(self) -> str:
        """Where it is called."""
        return self.server.url

    async def ask(self, body: bytes, **headers: str) -> Client:
        """Send a request by a connection of its own; its answer is the test's to read."""
        client = await Client.connect(self._stage, self.url, self.identity)
        await client.send(posted(body, **headers))
        return client

    async def call(self, body: bytes, **headers: str) -> Http:
        """Send a request and wait for its answer."""
        client = await self.ask(body, **headers)
        reply = await client.reply()
        await client.drop()
        return reply

    def request(self, operation: str, content: str = "", **more: Any) -> bytes:
        """Write a request of this station, with its callback address."""
        return request(operation, content, **({"identity": self.identity, "sender": self.address} | more))


_URLS: dict[int, str] = {}


def soap_url(stage: Stage) -> str:
    """Give the URL of the newest gateway's SOAP listener."""
    return _URLS[id(stage.gateways[-1])]


async def gateway(stage: Stage, **changes: Any) -> Gateway:
    """Start the gateway with a SOAP listener, on a configuration changed as told."""
    port = free_port()
    listen = {"soap": [f"http://127.0.0.1:{port}/soap"]}
    document = stage.configuration(listen=listen)
    started = stage.prepare(merged(document, changes))
    _URLS[id(started)] = f"http://127.0.0.1:{port}/soap"
    await started.start()
    return started
