"""Our envelopes and codec against SOAP stacks that nobody here wrote, each message of OCPP-S there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from lxml import etree
from zeep.exceptions import Fault as ZeepFault

from tests.interop.soap_far_ends import NodeService, ZeepClient, header, node_calls, plain, service, texts, understood
from tests.interop.soap_wsdl import operations
from tests.ocpp.soap_bodies import Plain, body, enveloped
from voltgate.ocpp.soap import codec, envelope, writing
from voltgate.ocpp.soap.envelope import Envelope
from voltgate.ocpp.soap.faults import Fault, fault
from voltgate.ocpp.soap.names import Service, Version

SERVICES = [(version, service) for version in ("1.2", "1.5", "1.6") for service in ("Cs", "Cp")]
MANY = 2
"""How often an element that may be repeated stands."""


def xml(version: str, service: str, operation: str, kind: str) -> str:
    """Write a body with everything in it by the field lists alone, but for a list's hash, which 1.6 has not."""
    return re.sub("<hash>.*?</hash>", "", body(version, service, operation, kind, Plain(MANY)))


def read(raw: bytes) -> tuple[Envelope, dict[str, Any]]:
    """Read a message as Voltgate does."""
    said = envelope.parse(raw)
    assert isinstance(said, Envelope), said
    payload = codec.decode(said)
    assert isinstance(payload, dict), payload
    return said, payload


def meaning(version: str, service: str, operation: str, kind: str) -> dict[str, Any]:
    """Give the payload of that body as Voltgate reads it from the plainest envelope."""
    return read(enveloped(xml(version, service, operation, kind)))[1]


def encoded(version: Version, service: Service, operation: str, kind: Any) -> str:
    """Write the body as Voltgate does from the payload."""
    found = codec.encode(version, service, operation, kind, meaning(version, service, operation, kind))
    assert isinstance(found, str), found
    return found


class Codec:
    """A service made of nothing but our codec; it keeps what it was asked."""

    def __init__(self) -> None:
        self.heard: list[tuple[Envelope, dict[str, Any]]] = []
        self.refuses: Fault | None = None

    async def answer(self, raw: bytes) -> tuple[int, bytes]:
        said, payload = read(raw)
        self.heard.append((said, payload))
        if self.refuses is not None:
            return 500, writing.fault(said.version, self.refuses, message_id="f", relates_to=said.message_id)
        answer = encoded(said.version, said.service, said.operation, "response")
        return 200, writing.response(
            said.version, said.service, said.operation, answer, message_id="urn:uuid:2", relates_to=said.message_id
        )


@pytest.mark.parametrize(("version", "side"), SERVICES)
async def test_zeep_calls_and_understands_every_answer(tmp_path: Path, version: Version, side: Service) -> None:
    """Whatever zeep says means what it should, and zeep reads in each answer what was answered."""
    ours = Codec()
    async with service(ours.answer) as url:
        client = ZeepClient(tmp_path, version, side, url, "CP <1>", listens="http://10.0.0.1:8080/")
        for operation in operations(version, side):
            arguments = client.value(f"{operation}Request", xml(version, side, operation, "request"))
            answer = await client.call(operation, **arguments)
            said, payload = ours.heard.pop()
            assert payload == meaning(version, side, operation, "request"), operation
            assert (said.version, said.service, said.operation, said.kind) == (version, side, operation, "request")
            assert (said.identity, said.to, said.sender) == ("CP <1>", url, "http://10.0.0.1:8080/")
            assert said.message_id == header(client.sent, "MessageID")
            wanted = client.value(f"{operation}Response", xml(version, side, operation, "response"))
            assert understood(answer, wanted) == wanted, operation


@pytest.mark.parametrize("version", ["1.2", "1.5", "1.6"])
async def test_zeep_understands_a_fault(tmp_path: Path, version: Version) -> None:
    """A fault of ours is one for zeep, with code, subcode and reason."""
    ours = Codec()
    ours.refuses = fault("IdentityMismatch", "Who is <CP1>?")
    async with service(ours.answer) as url:
        client = ZeepClient(tmp_path, version, "Cs", url, "CP1")
        with pytest.raises(ZeepFault) as refused:
            await client.call("Heartbeat")
    assert refused.value.message == "Who is <CP1>?"
    assert refused.value.code.endswith(":Sender")
    assert [etree.QName(code).localname for code in refused.value.subcodes] == ["IdentityMismatch"]


@pytest.mark.parametrize(("version", "side"), SERVICES)
async def test_a_service_on_node_takes_whatever_we_write(tmp_path: Path, version: Version, side: Service) -> None:
    """What we write is understood on Node.js as it was meant, and we understand each answer."""
    names = operations(version, side)
    answers = {name: plain(etree.fromstring(xml(version, side, name, "response"))) for name in names}
    there = NodeService(tmp_path, version, side, answers)
    try:
        await there.start()
        for name in names:
            request = written(version, side, name, there.url)
            raw = await post(there.url, name, request)
            heard = await there.heard()
            assert heard.raw == request
            assert heard.operation == name
            assert heard.headers["chargeBoxIdentity"] == "CP <1>"
            sent = plain(etree.fromstring(encoded(version, side, name, "request")))
            assert texts(heard.payload) == texts(sent), name
            said, payload = read(raw)
            assert (said.version, said.operation, said.kind, said.relates_to) == (
                version,
                name,
                "response",
                "urn:uuid:1",
            )
            assert payload == meaning(version, side, name, "response"), name
    finally:
        await there.drop()


def written(version: Version, side: Service, operation: str, url: str) -> bytes:
    """Write a request as Voltgate does."""
    content = encoded(version, side, operation, "request")
    return writing.request(version, side, operation, content, identity="CP <1>", message_id="urn:uuid:1", to=url)


async def post(url: str, operation: str, content: bytes) -> bytes:
    """Post an envelope as a backend's leg does."""
    headers = {"Content-Type": f'{writing.CONTENT_TYPE}; action="/{operation}"'}
    async with aiohttp.ClientSession() as session, session.post(url, data=content, headers=headers) as response:
        return await response.read()


@pytest.mark.parametrize(("version", "side"), SERVICES)
async def test_node_calls_and_understands_every_answer(tmp_path: Path, version: Version, side: Service) -> None:
    """Whatever the client on Node.js says means what it should, and it reads what was answered."""
    ours = Codec()
    names = operations(version, side)
    calls = [(name, plain(etree.fromstring(xml(version, side, name, "request")))) for name in names]
    async with service(ours.answer) as url:
        found = await node_calls(tmp_path, version, side, url, "CP <1>", calls)
    assert [event["what"] for event in found] == ["answered"] * len(names), found
    for event, (said, payload), name in zip(found, ours.heard, names, strict=True):
        assert payload == meaning(version, side, name, "request"), name
        assert (said.version, said.service, said.operation, said.identity) == (version, side, name, "CP <1>")
        assert said.message_id == event["id"]
        assert texts(event.get("answer")) == texts(plain(etree.fromstring(xml(version, side, name, "response")))), name


@pytest.mark.parametrize("version", ["1.2", "1.5", "1.6"])
async def test_faults_of_node_and_for_node(tmp_path: Path, version: Version) -> None:
    """A fault from Node.js is read with its subcode, and one of ours is read there."""
    refusal = ["Sender", "IdentityMismatch", "Who are you?"]
    there = NodeService(tmp_path, version, "Cs", {"Heartbeat": {"fault": refusal}})
    try:
        await there.start()
        said = envelope.parse(await post(there.url, "Heartbeat", written(version, "Cs", "Heartbeat", there.url)))
    finally:
        await there.drop()
    assert isinstance(said, Envelope)
    assert said.fault == Fault(*refusal)
    ours = Codec()
    ours.refuses = fault("NotSupported", "Not here")
    async with service(ours.answer) as url:
        [event] = await node_calls(tmp_path, version, "Cs", url, "CP1", [("Heartbeat", {})])
    assert (event["what"], event["status"]) == ("refused", 500)
    assert "NotSupported" in event["error"]
