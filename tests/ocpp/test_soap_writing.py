"""Writing envelopes as the samples have them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.ocpp.soap_bodies import SAMPLES
from voltgate.ocpp.soap import writing
from voltgate.ocpp.soap.codec import decode, encode
from voltgate.ocpp.soap.envelope import Envelope, parse
from voltgate.ocpp.soap.faults import Fault


def canonical(raw: bytes) -> bytes:
    """Give a message without the blanks between its elements, in canonical form."""
    return etree.tostring(etree.fromstring(raw, etree.XMLParser(remove_blank_text=True)), method="c14n")


def rewritten(envelope: Envelope) -> bytes:
    """Write a message anew from what was read of it."""
    if envelope.fault is not None:
        return writing.fault(
            envelope.version, envelope.fault, message_id=envelope.message_id, relates_to=envelope.relates_to
        )
    kind = envelope.kind
    assert kind != "fault"
    payload = decode(envelope)
    assert isinstance(payload, dict)
    version, service, operation = envelope.version, envelope.service, envelope.operation
    body = encode(version, service, operation, kind, payload)
    assert isinstance(body, str)
    if kind == "response":
        return writing.response(
            version, service, operation, body, message_id=envelope.message_id, relates_to=envelope.relates_to
        )
    return writing.request(
        version,
        service,
        operation,
        body,
        identity=envelope.identity,
        message_id=envelope.message_id,
        to=envelope.to,
        sender=envelope.sender,
        reply_to=envelope.reply_to,
    )


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.xml")), ids=lambda path: path.stem)
def test_every_sample_is_written_as_it_was(path: Path) -> None:
    """Every sample that is read, translated to JSON, back, and written, is the same document again."""
    raw = path.read_bytes()
    envelope = parse(raw)
    assert isinstance(envelope, Envelope)
    written = rewritten(envelope)
    assert canonical(written) == canonical(raw)
    assert written.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n')


@given(st.text(), st.text())
def test_no_value_leaves_its_header(identity: str, message_id: str) -> None:
    """Whatever an identity or a message id holds, it is one text in its header."""
    body = '<heartbeatRequest xmlns="urn://Ocpp/Cs/2015/10/"></heartbeatRequest>'
    envelope = parse(
        writing.request("1.6", "Cs", "Heartbeat", body, identity=identity, message_id=message_id, to="t", reply_to="")
    )
    assert isinstance(envelope, Envelope)
    assert (envelope.operation, envelope.to, envelope.reply_to, envelope.sender) == ("Heartbeat", "t", "", "")
    if identity.isalnum():
        assert envelope.identity == identity


def test_what_is_not_known_is_left_out() -> None:
    """An answer to a request without MessageID relates to nothing; a fault without subcode has none."""
    raw = writing.fault("1.5", Fault("Receiver", "", "a < b"), message_id="m", relates_to="")
    assert b"RelatesTo" not in raw
    assert b"Subcode" not in raw
    envelope = parse(raw)
    assert isinstance(envelope, Envelope)
    assert envelope.fault == Fault("Receiver", "", "a < b")


def test_soap_1_1_is_written() -> None:
    """What is written in SOAP 1.1 is read as that, and says the same."""
    asked = writing.request(
        "1.6", "Cp", "Reset", "<resetRequest/>", identity="CP", message_id="m", to="http://h/", edition="1.1"
    )
    assert b'soap:mustUnderstand="1"' in asked
    assert b"true" not in asked
    told = writing.response(
        "1.5", "Cs", "Heartbeat", encoded_heartbeat(), message_id="m", relates_to="r", edition="1.1"
    )
    envelope = parse(told)
    assert isinstance(envelope, Envelope)
    assert (envelope.edition, envelope.operation, envelope.relates_to) == ("1.1", "Heartbeat", "r")
    for said in (Fault("Sender", "IdentityMismatch", "a & b"), Fault("Receiver", "", ""), Fault("Odd", "", "x")):
        envelope = parse(writing.fault("1.6", said, message_id="m", relates_to="r", edition="1.1"))
        assert isinstance(envelope, Envelope)
        expected = Fault("Sender", "Odd", "x") if said.role == "Odd" else said
        assert (envelope.edition, envelope.fault) == ("1.1", expected)


def encoded_heartbeat() -> str:
    """Write the body of an answer."""
    body = encode("1.5", "Cs", "Heartbeat", "response", {"currentTime": "2026-01-01T00:00:00Z"})
    assert isinstance(body, str)
    return body
