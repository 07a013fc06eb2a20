"""Readdressing: messages sent on with other addresses and the same body."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ocpp.soap_bodies import SAMPLES, enveloped, sample
from voltgate.ocpp.soap.addressing import readdress
from voltgate.ocpp.soap.envelope import BadEnvelope, Envelope, parse

BOOT = "1.6_1_BootNotification_request_CP-CS.xml"
HEARTBEAT = '<heartbeatRequest xmlns="urn://Ocpp/Cs/2015/10/"/>'
WSA = 'xmlns:w="http://www.w3.org/2005/08/addressing"'
TO, SENDER, REPLY_TO = "https://backend/ocpp?a=1&b=2", "https://gateway/soap/cp/CP%7C1", "http://reply"


def sent_on(raw: bytes, to: str | None = TO, sender: str | None = SENDER, reply_to: str | None = REPLY_TO) -> bytes:
    """Readdress a message that can be readdressed."""
    sent = readdress(raw, to, sender, reply_to)
    assert isinstance(sent, bytes)
    return sent


def read(raw: bytes) -> Envelope:
    """Read a message that must be taken."""
    envelope = parse(raw)
    assert isinstance(envelope, Envelope), envelope
    return envelope


def kept(envelope: Envelope) -> tuple[str, ...]:
    """Give what readdressing must not change."""
    return (
        envelope.version,
        envelope.service,
        envelope.operation,
        envelope.identity,
        envelope.message_id,
        envelope.action,
        envelope.relates_to,
    )


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.xml")), ids=lambda path: path.stem)
def test_every_sample_is_sent_on(path: Path) -> None:
    """Every message gets its new addresses, and keeps its body, byte for byte, and every other header."""
    raw = path.read_bytes()
    sent = sent_on(raw)
    envelope = read(sent)
    assert (envelope.to, envelope.sender, envelope.reply_to) == (TO, SENDER, REPLY_TO)
    assert kept(envelope) == kept(read(raw))
    assert sent.endswith(raw[raw.index(b"<soap:Body>") :])


def test_only_the_values_change() -> None:
    """Nothing but the three values is replaced; what is not asked for stays."""
    raw = sample(BOOT)
    expected = raw.replace(b"https://csms.example.org/ocpp/soap", b"http://new")
    assert sent_on(raw, "http://new", None, None) == expected
    assert sent_on(raw, None, None, None) == raw
    address = b"<wsa:Address>http://10.20.30.40:8080/ocpp</wsa:Address>"
    expected = raw.replace(address, b'<Address xmlns="http://www.w3.org/2005/08/addressing">http://cb</Address>')
    assert sent_on(raw, None, "http://cb", None) == expected


@pytest.mark.parametrize(
    "header",
    [
        "",
        "\n<!-- - -->\n",
        f"<w:To {WSA}>a</w:To>",
        f"<w:To {WSA}/>",
        f"<w:To {WSA} a='>' b=\"/>\"></w:To>",
        f"<w:To {WSA} a='/>'/>",
        f"<w:To\n{WSA}\n/>",
        f"<!-- </w:To> --><w:To {WSA}>a&amp;</w:To  >",
        f"<w:From {WSA}/>",
        f"<w:From {WSA}><w:Metadata><w:To>x</w:To></w:Metadata><w:Address/></w:From>",
        f"<x><w:To {WSA}>not this</w:To></x>",
        '<To xmlns="http://www.w3.org/2005/08/addressing">a</To>',
        '<w:To xmlns:w="urn:other">other</w:To>',
    ],
)
@pytest.mark.parametrize("codec", ["utf-8", "utf-16", "utf-16-be", "iso-8859-1"])
def test_headers_of_every_make(header: str, codec: str) -> None:
    """However a header is written, in whatever encoding, and whether it is there at all, its value is replaced."""
    text = enveloped(HEARTBEAT, header).decode()
    if codec == "iso-8859-1":
        text = f'<?xml version="1.0" encoding="ISO-8859-1"?>{text}<!-- é -->'
    raw = text.encode(codec)
    sent = sent_on(raw)
    envelope = read(sent)
    assert (envelope.to, envelope.sender, envelope.reply_to) == (TO, SENDER, REPLY_TO)
    body = text[text.index("<s:Body>") :].encode(codec.replace("utf-16", "utf-16-le") if codec == "utf-16" else codec)
    assert sent.endswith(body)


def test_a_header_that_closes_itself() -> None:
    """An empty header is opened for what has to be added."""
    raw = enveloped(HEARTBEAT).replace(b"<s:Body>", b"<s:Header a='1'/><s:Body>")
    sent = sent_on(raw, TO, None, None)
    assert b"<s:Header a='1'><a:To" in sent
    assert b"</a:To></s:Header><s:Body>" in sent
    assert read(sent).to == TO


def test_what_stands_around_a_message_stays() -> None:
    """A byte order mark, and what stations send before and after a message, are left where they are."""
    raw = b"\xef\xbb\xbf\r\n" + enveloped(HEARTBEAT) + b"\r\n\x00"
    sent = sent_on(raw)
    assert sent.startswith(b"\xef\xbb\xbf\r\n<s:Envelope")
    assert sent.endswith(b"</s:Envelope>\r\n\x00")


def test_an_address_that_the_encoding_has_not() -> None:
    """An address with letters that the message's encoding has not is written by their numbers."""
    raw = sample(BOOT).replace(b"UTF-8", b"ISO-8859-1")
    assert read(sent_on(raw, "http://例え/", None, None)).to == "http://例え/"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not XML",
        b"<a/>",
        b'<?xml version="1.0" encoding="UTF-7"?><a/>',
        b'<!DOCTYPE e [<!ENTITY x "y">]>' + enveloped(HEARTBEAT),
        enveloped(HEARTBEAT, "<a>"),
        enveloped(HEARTBEAT, "<a\u0370/>"),
    ],
)
def test_what_is_no_envelope_is_not_sent_on(raw: bytes) -> None:
    """A message that another parser reads otherwise, or not at all, is refused and never raises."""
    bad = readdress(raw, TO)
    assert bad == BadEnvelope("ProtocolError", "The header cannot be read")


@given(st.text(), st.text())
def test_no_address_leaves_its_header(to: str, sender: str) -> None:
    """Whatever an address holds, it stays a text in its own header."""
    raw = sample(BOOT)
    sent = sent_on(raw, to, sender, None)
    assert kept(read(sent)) == kept(read(raw))
    assert sent.endswith(raw[raw.index(b"<soap:Body>") :])


@given(st.binary(max_size=40), st.integers(0, 1100), st.integers(0, 30))
def test_what_was_taken_keeps_its_meaning(noise: bytes, at: int, cut: int) -> None:
    """Whatever a message looks like that was taken, it says the same to the next one, or is not sent on."""
    good = sample(BOOT)
    raw = good[:at] + noise + good[at + cut :]
    envelope = parse(raw)
    sent = readdress(raw, TO, SENDER, REPLY_TO)
    if isinstance(envelope, Envelope) and isinstance(sent, bytes):
        heard = read(sent)
        assert kept(heard) == kept(envelope)
        assert (heard.to, heard.sender, heard.reply_to) == (TO, SENDER, REPLY_TO)


@pytest.mark.parametrize("header", ["", f"<w:MessageID {WSA}/>", f"<w:MessageID {WSA}> </w:MessageID>"])
def test_a_message_id_where_there_is_none(header: str) -> None:
    """A message that came without MessageID can be given one."""
    raw = enveloped('<heartbeatRequest xmlns="urn://Ocpp/Cs/2015/10/"/>', header)
    changed = readdress(raw, TO, SENDER, REPLY_TO, "urn:uuid:made&up")
    assert isinstance(changed, bytes)
    envelope = read(changed)
    assert (envelope.message_id, envelope.to) == ("urn:uuid:made&up", TO)
