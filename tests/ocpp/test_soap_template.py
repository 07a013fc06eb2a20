"""Templates: what a parser has seen once is known again, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ocpp.soap_pairs import run
from voltgate.ocpp.soap.addressing import readdress
from voltgate.ocpp.soap.envelope import BadEnvelope, Envelope, parse
from voltgate.ocpp.soap.names import ANONYMOUS
from voltgate.ocpp.soap.template import Template, forwarding, template

SAMPLES = Path(__file__).parent / "soap"


def sample(name: str) -> bytes:
    """Read one of the sample envelopes."""
    return next(SAMPLES.glob(f"{name}*")).read_bytes()


def made_of(raw: bytes) -> Template:
    """Make the template of an envelope that has one."""
    envelope = parse(raw)
    assert isinstance(envelope, Envelope)
    made = template(raw, envelope)
    assert made is not None
    return made


def none_of(raw: bytes) -> None:
    """See that an envelope that can be parsed has no template."""
    envelope = parse(raw)
    assert isinstance(envelope, Envelope), envelope
    assert template(raw, envelope) is None


METER = sample("1.6_7_MeterValues")
BEAT = (
    b'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    b'xmlns:a="http://www.w3.org/2005/08/addressing" xmlns:c="urn://Ocpp/Cs/2015/10/"><s:Header>'
    b"<c:chargeBoxIdentity>CP1</c:chargeBoxIdentity><a:MessageID>urn:uuid:1</a:MessageID>"
    b"<a:From><a:Address>http://10.0.0.1/</a:Address></a:From><a:Action>/Heartbeat</a:Action><a:To>http://x/</a:To>"
    b"</s:Header><s:Body><c:heartbeatRequest/></s:Body></s:Envelope>"
)
ANSWER = sample("1.6_4_StartTransaction")


def test_the_same_with_another_id_and_other_values_fits() -> None:
    """A station's next MeterValues has another MessageID and other values, and says the same in its header."""
    made = made_of(METER)
    again = METER.replace(b"000000000007", b"00000000abcd").replace(b"12900", b"13000")
    match = made.match(again)
    assert match is not None
    assert match.message_id == "urn:uuid:6f1a0c2e-0007-4000-8000-00000000abcd"
    assert match.relates_to == ""
    parsed = parse(again)
    assert isinstance(parsed, Envelope)
    assert parsed.message_id == match.message_id
    assert again[match.content :].startswith(b"<connectorId>")


def test_an_empty_operation_fits() -> None:
    """A Heartbeat has nothing but its headers."""
    match = made_of(BEAT).match(BEAT.replace(b"uuid:1<", b"uuid:27<"))
    assert match is not None
    assert match.message_id == "urn:uuid:27"


def test_an_answer_names_what_it_answers() -> None:
    """Both ids of an answer are read, in whatever order they stand."""
    match = made_of(ANSWER).match(ANSWER)
    assert match is not None
    assert match.relates_to == "urn:uuid:6f1a0c2e-0003-4000-8000-000000000003"
    assert match.message_id == "urn:uuid:6f1a0c2e-0004-4000-8000-000000000004"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"CP-0001", b"CP-0002"),
        (b"/MeterValues<", b"/StopTransaction<"),
        (b"10.20.30.40", b"10.20.30.41"),
        (b"Cs/2015/10/", b"Cs/2012/06/"),
        (b"<meterValuesRequest ", b"<heartbeatRequest "),
        (b"</wsa:MessageID>", b"</wsa:MessageID><wsa:MessageID>x</wsa:MessageID>"),
        (b"urn:uuid:6f1a0c2e-0007-4000-8000-000000000007", b"a&#66;"),
        (b"urn:uuid:6f1a0c2e-0007-4000-8000-000000000007", b""),
        (b"urn:uuid:6f1a0c2e-0007-4000-8000-000000000007", b"x" * 121),
        (b"urn:uuid:6f1a0c2e-0007-4000-8000-000000000007", b"two words"),
        (b"</meterValuesRequest>", b"</meterValuesRequest><stopTransactionRequest/>"),
        (b"</meterValuesRequest>", b"<!-- --></meterValuesRequest>"),
        (b"</meterValuesRequest>", b"<?x?></meterValuesRequest>"),
        (b"</meterValuesRequest>", b"<chargeBoxIdentity/></meterValuesRequest>"),
        (b"</soap:Body>", b"</soap:Body><soap:Header/>"),
        (b"<connectorId>", b"<Header/><connectorId>"),
        (b"<connectorId>", b"</meterValuesRequest><stopTransactionRequest/><meterValuesRequest><connectorId>"),
        (b"</soap:Envelope>", b"</soap:Envelope><x/>"),
        (b"<?xml", b"<!DOCTYPE x><?xml"),
    ],
)
def test_whatever_else_differs_is_for_the_parser(old: bytes, new: bytes) -> None:
    """Another identity, address, operation or version, an odd id, a second operation: none of it passes unread."""
    assert old in METER
    assert made_of(METER).match(METER.replace(old, new)) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<wsa:MessageID>urn:uuid:6f1a0c2e-0007-4000-8000-000000000007</wsa:MessageID>", b""),
        (b"urn:uuid:6f1a0c2e-0007-4000-8000-000000000007", b"two words"),
        (b"<connectorId>", b"<!-- a remark --><connectorId>"),
        (b"<connectorId>1</connectorId>", b"<connectorId>1</connectorId><x><meterValuesRequest /></x>"),
    ],
)
def test_what_is_written_in_an_unusual_way_has_no_template(old: bytes, new: bytes) -> None:
    """It is parsed each time."""
    assert old in METER
    none_of(METER.replace(old, new))


@pytest.mark.parametrize("written", [b" CP1", b"&#67;P1", b"<?x?>CP1"])
def test_an_identity_that_is_repeated_as_an_id_stays_fixed(written: bytes) -> None:
    """A station whose MessageID reads like its identity cannot go on under another one's name."""
    raw = BEAT.replace(b">urn:uuid:1<", b">" + written + b"<")
    envelope = parse(raw)
    made = template(raw, envelope) if isinstance(envelope, Envelope) else None
    assert made is None or made.match(raw.replace(b"Identity>CP1<", b"Identity>CP2<")) is None


@pytest.mark.parametrize("added", [b"<x/>", b"</s:Body><s:Body>", b"<c:heartbeatResponse/>", b" "])
def test_nothing_stands_behind_an_empty_operation(added: bytes) -> None:
    """A second element of the body, or a second body, is for the parser, which refuses it."""
    evil = BEAT.replace(b"<c:heartbeatRequest/>", b"<c:heartbeatRequest/>" + added)
    assert made_of(BEAT).match(evil) is None


@pytest.mark.parametrize("attributes", [b"d='>'", b"d=\"'\" e='>'", b"d='\"' e='\"' f='>'", b"d='/>'"])
def test_an_attribute_does_not_end_the_start_tag(attributes: bytes) -> None:
    """Where a tag ends early for us, its namespace would be anybody's, and with it the version."""
    raw = BEAT.replace(b"<c:heartbeatRequest/>", b"<c:heartbeatRequest " + attributes + b"></c:heartbeatRequest>")
    evil = raw.replace(attributes, attributes + b" xmlns:c='urn://Ocpp/Cs/2012/06/'")
    envelope = parse(raw)
    made = template(raw, envelope) if isinstance(envelope, Envelope) else None
    assert made is None or made.match(evil) is None


def test_an_id_behind_the_operation_has_no_template() -> None:
    """The header stands before the body; an id that only the body repeats in its place does not count."""
    raw = METER.replace(b"<wsa:MessageID>urn:uuid:6f1a0c2e-0007-4000-8000-000000000007<", b"<wsa:MessageID> 12900 <")
    none_of(raw)


def test_it_goes_on_as_readdressing_would_have_it() -> None:
    """Byte for byte what `readdress` writes."""
    made = made_of(METER)
    again = METER.replace(b"000000000007", b"00000000abcd").replace(b"12900", b"13000")
    match = made.match(again)
    assert match is not None
    written = made.forwarded(again, match, "http://there/", "http://here/a&b")
    assert written == readdress(again, to="http://there/", sender="http://here/a&b", reply_to=ANONYMOUS)
    assert made.forwarded(again, match, "http://there/", "http://here/a&b") == written


def test_ways_on_are_bounded() -> None:
    """A backend that moves again and again does not fill memory."""
    made = made_of(METER)
    match = made.match(METER)
    assert match is not None
    for number in range(20):
        assert made.forwarded(METER, match, f"http://there/{number}", "") is not None
    assert len(made.ways) <= 8


def test_an_answer_does_not_go_on() -> None:
    """Answers go home as they are: they have no address to be rewritten."""
    made = made_of(ANSWER)
    match = made.match(ANSWER)
    assert match is not None
    assert made.forwarded(ANSWER, match, "http://there/", "") is None


def test_an_id_that_an_address_repeats_does_not_go_on() -> None:
    """Where the new address holds the id as an element's whole text, nobody could tell the two apart."""
    assert forwarding(METER, made_of(METER), "urn:uuid:6f1a0c2e-0007-4000-8000-000000000007", "") is None
    other = made_of(METER)
    assert forwarding(METER.replace(b"CP-0001", b"CP-0002"), other, "http://there/", "") is None


@given(st.binary(max_size=40), st.integers(0, len(METER) - 1), st.integers(0, 40))
def test_what_fits_is_read_by_the_parser_alike(new: bytes, at: int, length: int) -> None:
    """Whatever is changed in an envelope: if it still fits and is XML, the parser finds the same in its header."""
    made = made_of(METER)
    raw = METER[:at] + new + METER[at + length :]
    match = made.match(raw)
    if match is None:
        return
    parsed = parse(raw)
    if isinstance(parsed, Envelope):
        assert (parsed.identity, parsed.operation, parsed.version) == ("CP-0001", "MeterValues", "1.6")
        assert parsed.message_id == match.message_id


def test_content_brings_no_prefix_of_its_own() -> None:
    """Where elements are without a prefix, text in front of them is not taken for one: it may be bound to nothing."""
    start, end = METER.index(b">", METER.index(b"<meterValuesRequest")) + 1, METER.index(b"</meterValuesRequest>")
    content = re.sub(rb"<(/?)", rb"<\1zzz:", METER[start:end])
    raw = METER[:start] + b"zzz:" + content + METER[end:]
    assert isinstance(parse(raw), BadEnvelope)
    assert made_of(METER).match(raw) is None


def test_pairs_of_envelopes() -> None:
    """Nobody can tell that there are templates: of whatever they take, the parser says the same, or nothing is taken.

    As many as there is time for; `python -m tests.ocpp.soap_pairs 1000000` tries more.
    """
    counts = run(30_000, seed=11)
    assert counts["by template"] > 3_000
    assert counts["for the parser"] > 3_000


def test_content_is_bounded_in_depth_and_length() -> None:
    """Content that is nested too deep is left to the parser, however it is written, and so is long content."""
    made = made_of(METER)
    for start, end in (
        (b"<a>", b"</a>"),
        (b"<a b='/>'>", b"</a>"),
        (b'<a b="x" c="/>">', b"</a>"),
        (b"<a>", b""),
        (b"<a><b/>", b"</a >"),
    ):
        assert made.match(METER.replace(b"<meterValue>", start * 40 + end * 40 + b"<meterValue>", 1)) is None
    value = METER[METER.index(b"<meterValue>") : METER.index(b"</meterValuesRequest>")]
    assert made.match(METER.replace(value, value * 20)) is not None
    assert made.match(METER.replace(value, value * 20), largest=1000) is None
    assert made.match(METER.replace(value, value * 2000)) is None
    keys = BEAT.replace(b"heartbeat", b"getConfiguration").replace(b"Heartbeat", b"GetConfiguration")
    keys = keys.replace(b"Cs/", b"Cp/").replace(b"Request/>", b"Request><key/></c:getConfigurationRequest>")
    assert made_of(keys).match(keys.replace(b"<key/>", b"<key/>" * 1000)) is not None
    assert isinstance(parse(keys.replace(b"<key/>", b"<key/>" * 10_000)), BadEnvelope)
    assert made_of(keys).match(keys.replace(b"<key/>", b"<key/>" * 10_000)) is None


def test_a_fault_has_no_template() -> None:
    """A fault is read each time: it names no operation, and its subcode says what becomes of it."""
    none_of(sample("1.6_8_Fault"))
