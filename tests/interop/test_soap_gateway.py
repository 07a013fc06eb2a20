"""Voltgate between SOAP stacks that nobody here wrote: stations of zeep, central systems and callbacks on Node.js."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from zeep.exceptions import Fault as ZeepFault

from tests.harness import Gateway, Stage, free_port, within
from tests.interop.soap_far_ends import (
    Heard,
    NodeService,
    ZeepClient,
    body,
    endpoint,
    header,
    node_calls,
    plain,
    understood,
)
from tests.interop.soap_wsdl import operations
from tests.ocpp.soap_bodies import Plain, enveloped
from tests.ocpp.soap_bodies import body as written
from voltgate.ocpp.soap import codec, envelope
from voltgate.ocpp.soap.envelope import Envelope

VERSIONS = ["1.2", "1.5", "1.6"]
IDENTITY = "CP-1"
NOT_SUPPORTED = {"fault": ["Receiver", "NotSupported", "No"]}


class Usual(Plain):
    """Everything that can be said, said by parties that get on well with each other."""

    def __init__(self) -> None:
        super().__init__(1)

    def word(self, words: list[str]) -> str:
        return next((word for word in ("Accepted", "TxProfile") if word in words), words[0])


def xml(version: str, service: str, operation: str, kind: str) -> str:
    """Write a body; the charging profile of a remote start names no transaction, for there is none yet."""
    said = written(version, service, operation, kind, Usual())
    return said if operation != "RemoteStartTransaction" else re.sub("<transactionId>.*</transactionId>", "", said)


def meaning(version: str, service: str, operation: str, kind: str) -> dict[str, Any]:
    """Give the payload of a body in OCPP-J 1.6."""
    said = envelope.parse(enveloped(xml(version, service, operation, kind)))
    assert isinstance(said, Envelope)
    payload = codec.decode(said)
    assert isinstance(payload, dict)
    return payload


def answers(version: str, service: str) -> dict[str, Any]:
    """Give the answers of a service on Node.js to everything it can be asked."""
    names = operations(version, service)
    return {name: plain(etree.fromstring(xml(version, service, name, "response"))) for name in names}


def session(version: str) -> list[str]:
    """List all that a station can say, BootNotification first."""
    return sorted(operations(version, "Cs"), key=lambda name: name != "BootNotification")


@dataclass
class Scene:
    """A gateway with a SOAP listener, a station of zeep before it, and the station's own service on Node.js."""

    version: str
    folder: Path
    gateway: Gateway
    url: str
    station: ZeepClient
    charger: NodeService

    async def say(self, operation: str) -> Any:
        """Let the station make a call with everything in it, and give the answer as zeep reads it."""
        arguments = self.station.value(f"{operation}Request", xml(self.version, "Cs", operation, "request"))
        return await self.station.call(operation, **arguments)

    def expected(self, operation: str) -> Any:
        """Give what zeep should read of the answer."""
        return self.station.value(f"{operation}Response", xml(self.version, "Cs", operation, "response"))


@asynccontextmanager
async def scene(stage: Stage, folder: Path, version: str, backend: str, **refusals: Any) -> AsyncIterator[Scene]:
    """Put Voltgate between a station and a backend; `refusals` are the charger's own answers."""
    port = free_port()
    document = stage.configuration(
        listen={"soap": [f"http://127.0.0.1:{port}"]},
        backends={"main": {"url": backend}},
        routes={"main": {"rules": [{"answer": "main"}]}},
    )
    gateway = await stage.gateway(document)
    charger = NodeService(folder, version, "Cp", answers(version, "Cp") | refusals)
    try:
        await charger.start()
        url = f"http://127.0.0.1:{port}/any/path"
        station = ZeepClient(folder, version, "Cs", url, IDENTITY, listens=charger.url)
        yield Scene(version, folder, gateway, url, station, charger)
    finally:
        await charger.drop()


@asynccontextmanager
async def system(folder: Path, version: str, **refusals: Any) -> AsyncIterator[NodeService]:
    """Start a central system on Node.js."""
    there = NodeService(folder, version, "Cs", answers(version, "Cs") | refusals)
    try:
        await there.start()
        yield there
    finally:
        await there.drop()


async def address(there: NodeService, here: Scene) -> str:
    """Let the station boot, and give the address under which the central system may call it."""
    await here.say("BootNotification")
    return endpoint((await there.heard()).raw, "From")


# SOAP to SOAP


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_station_and_a_central_system_hear_each_other_unchanged(
    stage: Stage, tmp_path: Path, version: str
) -> None:
    """Every call of a SOAP station reaches the SOAP central system, and each answer comes back, its body untouched."""
    async with system(tmp_path, version) as there, scene(stage, tmp_path, version, there.url) as here:
        for operation in session(version):
            answer = await here.say(operation)
            assert understood(answer, here.expected(operation)) == here.expected(operation), operation
            heard = await there.heard()
            forwarded(here, there, heard, operation)
            assert body(here.station.received) == body(heard.reply), operation


def forwarded(here: Scene, there: NodeService, heard: Heard, operation: str) -> None:
    """Look whether a call came as it was sent but for its addresses."""
    assert (heard.operation, heard.headers["chargeBoxIdentity"]) == (operation, IDENTITY)
    assert body(heard.raw) == body(here.station.sent), operation
    assert header(heard.raw, "MessageID") == header(here.station.sent, "MessageID")
    assert header(heard.raw, "To") == there.url
    assert endpoint(heard.raw, "From").startswith(here.url.removesuffix("/any/path"))


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_central_system_commands_a_station(stage: Stage, tmp_path: Path, version: str) -> None:
    """Every command that a SOAP central system knows reaches the SOAP station, and its answer comes back."""
    async with system(tmp_path, version) as there, scene(stage, tmp_path, version, there.url) as here:
        names = operations(version, "Cp")
        calls = [(name, plain(etree.fromstring(xml(version, "Cp", name, "request")))) for name in names]
        found = await node_calls(tmp_path, version, "Cp", await address(there, here), IDENTITY, calls)
        for event, (name, _) in zip(found, calls, strict=True):
            assert event["what"] == "answered", event
            heard = await here.charger.heard()
            assert (heard.operation, heard.headers["chargeBoxIdentity"]) == (name, IDENTITY)
            assert body(heard.raw) == body(event["sent"].encode()), name
            assert body(event["xml"].encode()) == body(heard.reply), name
            assert header(event["xml"].encode(), "RelatesTo") == event["id"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_zeep_commands_a_station(stage: Stage, tmp_path: Path, version: str) -> None:
    """A central system of zeep is served as well at the station's address."""
    async with system(tmp_path, version) as there, scene(stage, tmp_path, version, there.url) as here:
        client = ZeepClient(tmp_path, version, "Cp", await address(there, here), IDENTITY)
        for name in operations(version, "Cp"):
            arguments = client.value(f"{name}Request", xml(version, "Cp", name, "request"))
            answer = await client.call(name, **arguments)
            assert understood(
                answer, client.value(f"{name}Response", xml(version, "Cp", name, "response"))
            ) == client.value(f"{name}Response", xml(version, "Cp", name, "response")), name
            assert body((await here.charger.heard()).raw) == body(client.sent)


@pytest.mark.parametrize("version", VERSIONS)
async def test_faults_go_through(stage: Stage, tmp_path: Path, version: str) -> None:
    """A fault of the central system is the station's, and one of the station the central system's."""
    refusal = {"fault": ["Sender", "SecurityError", "Not you"]}
    async with (
        system(tmp_path, version, Authorize=refusal) as there,
        scene(stage, tmp_path, version, there.url, ClearCache=NOT_SUPPORTED) as here,
    ):
        url = await address(there, here)
        with pytest.raises(ZeepFault) as refused:
            await here.say("Authorize")
        assert refused.value.message == "Not you"
        assert [etree.QName(code).localname for code in refused.value.subcodes] == ["SecurityError"]
        [event] = await node_calls(tmp_path, version, "Cp", url, IDENTITY, [("ClearCache", {})])
        assert event["what"] == "refused"
        assert "NotSupported" in event["error"]


# SOAP to JSON


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_station_speaks_soap_and_its_backend_json(stage: Stage, tmp_path: Path, version: str) -> None:
    """What a SOAP station says reaches a websocket backend as OCPP-J 1.6, and the station reads the answers."""
    main = await stage.backend("main")
    async with scene(stage, tmp_path, version, main.url) as here:
        for operation in session(version):
            main.answers(operation, meaning(version, "Cs", operation, "response"))
        for operation in session(version):
            answer = await here.say(operation)
            assert understood(answer, here.expected(operation)) == here.expected(operation), operation
        link = await main.station(IDENTITY)
        assert link.subprotocol == "ocpp1.6"


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_websocket_backend_commands_a_soap_station(stage: Stage, tmp_path: Path, version: str) -> None:
    """A command in JSON is one in SOAP for the station, and what it answers is JSON again."""
    main = await stage.backend("main")
    main.answers("BootNotification", meaning(version, "Cs", "BootNotification", "response"))
    async with scene(
        stage, tmp_path, version, main.url, ClearCache={"fault": ["Receiver", "NotSupported", "No"]}
    ) as here:
        await here.say("BootNotification")
        link = await main.station(IDENTITY)
        for name in operations(version, "Cp"):
            reply = await link.call(name, meaning(version, "Cp", name, "request"))
            heard = await here.charger.heard()
            assert (heard.operation, heard.headers["chargeBoxIdentity"]) == (name, IDENTITY)
            if name == "ClearCache":
                assert (reply.code, reply.description) == ("NotSupported", "No")
            else:
                assert reply.payload == meaning(version, "Cp", name, "response"), name


# JSON to SOAP


async def test_a_websocket_station_at_a_soap_central_system(stage: Stage, tmp_path: Path) -> None:
    """A station with OCPP-J 1.6 is served by a central system that takes SOAP only, and commanded by it."""
    async with system(tmp_path, "1.6") as there, scene(stage, tmp_path, "1.6", there.url) as here:
        station = await stage.station("CP-J")
        for operation in session("1.6"):
            reply = await station.call(operation, meaning("1.6", "Cs", operation, "request"))
            assert reply.payload == meaning("1.6", "Cs", operation, "response"), operation
            heard = await there.heard()
            assert (heard.operation, heard.headers["chargeBoxIdentity"]) == (operation, "CP-J")
        client = ZeepClient(tmp_path, "1.6", "Cp", endpoint(heard.raw, "From"), "CP-J")
        station.answers("Reset", {"status": "Accepted"})
        assert await within(client.call("Reset", type="Soft"), "the station's answer") == "Accepted"
        assert here.gateway.running
