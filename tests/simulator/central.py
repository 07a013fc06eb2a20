"""A small SOAP central system for tests, on aiohttp's HTTP and Voltgate's codec, which does as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
from aiohttp import web
from lxml import etree

from tests.simulator.world import STILL, Running, running
from voltgate.ocpp.soap import codec, writing
from voltgate.ocpp.soap.envelope import BadEnvelope, Envelope, parse
from voltgate.ocpp.soap.faults import fault
from voltgate.ocpp.soap.names import Version
from voltgate.simulator.calls import Answer
from voltgate.simulator.charger import Charger
from voltgate.simulator.clock import mark
from voltgate.simulator.fleet import Plan
from voltgate.simulator.profile import Profile, StationSettings
from voltgate.simulator.soap_transport import INNER_VERSION, SoapSettings
from voltgate.simulator.tally import Fault

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that a station made."""

    envelope: Envelope
    payload: Json
    request: web.Request = field(repr=False)
    raw: bytes = field(repr=False)

    @property
    def action(self) -> str:
        return self.envelope.operation


Trick = Callable[[Asked, bytes], "web.StreamResponse | bytes | Awaitable[web.StreamResponse | bytes | None] | None"]
"""Makes something else of the right answer: other bytes, a response of its own, or nothing, with the connection cut."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a station answered to a command."""

    status: int
    kind: str
    envelope: Envelope | None
    payload: Json
    body: bytes = field(repr=False)


class Central:
    """A central system of one version: answers as it should, unless `trick` says otherwise, and keeps what it heard."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.trick: Trick | None = None
        self.calls: list[Asked] = []
        self.wrong: list[str] = []
        self.connections: set[object] = set()
        self._numbers = itertools.count(1)
        self._starts: dict[tuple[Any, ...], int] = {}
        self._runner: web.AppRunner | None = None
        self._client: aiohttp.ClientSession | None = None
        self.port = 0
        self.ssl: Any = None

    # Coming and going

    async def open(self) -> None:
        """Listen, on the same port as before."""
        app = web.Application()
        app.router.add_post("/soap", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self.ssl)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._client = aiohttp.ClientSession()

    async def close(self) -> None:
        """Go away, with every connection."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._client is not None:
            await self._client.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/soap" if self.ssl is None else f"https://localhost:{self.port}/soap"

    # Calls of stations

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        found = parse(raw)
        self.connections.add(request.transport)
        if isinstance(found, BadEnvelope):
            self.wrong.append(found.reason)
            return _envelope(writing.fault(self.version, found.fault, message_id=_new(), relates_to=""), 400)
        payload = codec.decode(found)
        if not isinstance(payload, dict) or found.version != self.version or found.kind != "request":
            self.wrong.append(f"{found!r}: {payload}")
            payload = {}
        asked = Asked(found, payload, request, raw)
        self.calls.append(asked)
        return await self._answer(asked)

    async def _answer(self, asked: Asked) -> web.StreamResponse:
        answer = self.say(asked, self.right(asked))
        if self.trick is None:
            return _envelope(answer)
        told = self.trick(asked, answer)
        if isinstance(told, Awaitable):
            told = await told
        if told is None:
            assert asked.request.transport is not None
            asked.request.transport.abort()
            raise asyncio.CancelledError
        return _envelope(told) if isinstance(told, bytes) else told

    def say(self, asked: Asked, payload: Json, **headers: str) -> bytes:
        """Write an answer to a call."""
        body = codec.encode(self.version, "Cs", asked.action, "response", payload)
        assert isinstance(body, str), body
        about = {"message_id": _new(), "relates_to": asked.envelope.message_id} | headers
        return writing.response(self.version, "Cs", asked.action, body, **about)

    def right(self, asked: Asked) -> Json:
        """Give the right answer: it proves for whom it is, as that of the stand-in backend does."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{mark(asked.envelope.identity):03d}Z"
        tag = asked.payload.get("idTag", "")
        info = {"idTagInfo": {"status": "Accepted", "parentIdTag": tag}}
        match asked.action:
            case "BootNotification":
                return {"status": "Accepted", "currentTime": now, "interval": 300}
            case "Heartbeat":
                return {"currentTime": now}
            case "Authorize":
                return info
            case "StartTransaction":
                key = tuple(asked.payload[name] for name in ("connectorId", "idTag", "meterStart", "timestamp"))
                return {"transactionId": self._starts.setdefault(key, next(self._numbers)), **info}
            case "StopTransaction":
                return info if tag else {}
            case "DataTransfer":
                return {"status": "Accepted", "data": asked.payload.get("data", "")}
        return {}

    # Commands

    async def order(
        self, identity: str, action: str, payload: Json, *, body: str | None = None, to: str = "", **headers: str
    ) -> Answered:
        """Send a command to where the station last said that it listens."""
        address = to or self.address(identity)
        if body is None:
            told = codec.encode(self.version, "Cp", action, "request", payload)
            assert isinstance(told, str), told
            body = told
        about = {"identity": identity, "message_id": _new(), "to": address, "sender": self.url} | headers
        envelope = writing.request(self.version, "Cp", action, body, **about)
        answered = await self.post(address, envelope)
        if answered.envelope is not None:
            assert answered.envelope.relates_to == about["message_id"]
        return answered

    def address(self, identity: str) -> str:
        """Give the address in From of the station's last call."""
        return next(call.envelope.sender for call in reversed(self.calls) if call.envelope.identity == identity)

    async def post(
        self, address: str, envelope: bytes, headers: dict[str, str] | None = None, method: str = "POST"
    ) -> Answered:
        """Send bytes to a station."""
        assert self._client is not None
        wanted = {"Content-Type": writing.CONTENT_TYPE} | (headers or {})
        async with self._client.request(method, address, data=envelope, headers=wanted) as response:
            raw = await response.read()
            found = parse(raw)
            got = None if isinstance(found, BadEnvelope) else found
            payload = codec.decode(got) if got is not None and got.kind == "response" else {}
            assert isinstance(payload, dict), payload
            return Answered(response.status, response.content_type, got, payload, raw)

    # What it heard

    def heard(self, action: str, identity: str | None = None) -> list[Asked]:
        """Give the calls of an action."""
        return [
            call
            for call in self.calls
            if call.action == action and (identity is None or call.envelope.identity == identity)
        ]


def _new() -> str:
    return f"urn:uuid:{uuid4()}"


def _envelope(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, headers={"Content-Type": writing.CONTENT_TYPE})


def faulty(version: Version, asked: Asked, subcode: str, status: int = 500) -> web.Response:
    """Make a fault in place of an answer."""
    said = fault(subcode, "The central system was told to fail")
    envelope = writing.fault(version, said, message_id=_new(), relates_to=asked.envelope.message_id)
    return _envelope(envelope, status)


@contextlib.asynccontextmanager
async def central(version: Version) -> AsyncIterator[Central]:
    """Run a central system."""
    there = Central(version)
    await there.open()
    try:
        yield there
    finally:
        await there.close()


# A station to play with

SAMPLES = Path(__file__).parent.parent / "ocpp" / "soap"

SETTINGS = StationSettings(echo=True, history=1000).impatient()
HASTY = replace(SETTINGS, timeout=1.0)

STATION = "CP-00001"


def plan(there: Central, profile: Profile = STILL, stations: int = 1, **more: Any) -> Plan:
    settings = more.pop("settings", SETTINGS)
    soap = SoapSettings(there.version)
    return Plan(there.url, stations, (INNER_VERSION,), profile, settings, duration=None, soap=soap, **more)


@contextlib.asynccontextmanager
async def playing(version: Version, **more: Any) -> AsyncIterator[tuple[Central, Running, Charger]]:
    """Run one station that has said all that it says by itself."""
    async with central(version) as there, running(plan(there, **more)) as run:
        charger = run.fleet.chargers[0]
        await run.until(lambda: charger.online and charger.idle)
        yield there, run, charger


async def ask(run: Running, action: str, payload: dict[str, Any]) -> Answer:
    """Have the station make a call; gives its answer."""
    answers: list[Answer] = []
    charger = run.fleet.chargers[0]
    charger.ask(action, payload, lambda answer, now: answers.append(answer), run.fleet.clock.now())
    await run.until(lambda: bool(answers) and charger.idle)
    return answers[0]


async def authorize(run: Running) -> Answer:
    return await ask(run, "Authorize", {"idTag": "04E1"})


def faults(run: Running) -> dict[Fault, int]:
    return dict(+run.tally.faults)


def headers_of(raw: bytes) -> list[tuple[str, str]]:
    """Name the headers of an envelope in their order, each with its namespace and whether it must be understood."""
    (header,) = etree.fromstring(raw).iterchildren("{*}Header")
    return [(child.tag, child.get("{http://www.w3.org/2003/05/soap-envelope}mustUnderstand", "")) for child in header]
