"""Envelopes of OCPP-S: what they say of themselves, and those that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.ocpp.soap_bodies import SAMPLES, enveloped, sample
from voltgate.ocpp.soap.envelope import LARGEST, BadEnvelope, Envelope, parse
from voltgate.ocpp.soap.faults import Fault

BOOT = "1.6_1_BootNotification_request_CP-CS.xml"
CS16 = "urn://Ocpp/Cs/2015/10/"
HEARTBEAT = f'<heartbeatRequest xmlns="{CS16}"/>'
WSA = 'xmlns:w="http://www.w3.org/2005/08/addressing"'
IDENTITY = f'<i:chargeBoxIdentity xmlns:i="{CS16}">CP-1</i:chargeBoxIdentity>'


def taken(raw: bytes) -> Envelope:
    """Read a message that must be taken."""
    envelope = parse(raw)
    assert isinstance(envelope, Envelope), envelope
    return envelope


def refused(raw: bytes, largest: int = LARGEST) -> BadEnvelope:
    """Read a message that must be refused."""
    bad = parse(raw, largest)
    assert isinstance(bad, BadEnvelope), bad
    return bad


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.xml")), ids=lambda path: path.stem)
def test_the_samples_are_read(path: Path) -> None:
    """Version, operation, direction and kind of every sample are what its name says."""
    envelope = taken(path.read_bytes())
    version, number, what, *rest = path.stem.split("_")
    assert envelope.version == version
    assert envelope.message_id == f"urn:uuid:6f1a0c2e-000{number}-4000-8000-00000000000{number}"
    if what == "Fault":
        assert envelope.kind == "fault"
        assert envelope.fault == Fault("Sender", "IdentityMismatch", "chargeBoxIdentity is not known here")
        assert (envelope.operation, envelope.relates_to[9:22]) == ("", "6f1a0c2e-0007")
        return
    kind, direction = rest
    assert (envelope.operation, envelope.kind) == (what, kind)
    assert envelope.service == {"CP-CS": "Cs", "CS-CP": "Cp"}[direction]
    assert envelope.identity == ("CP-0001" if kind == "request" else "")
    assert envelope.fault is None


def test_the_headers_are_read() -> None:
    """What a request says of itself is what its headers hold."""
    envelope = taken(sample(BOOT))
    assert envelope.action == "/BootNotification"
    assert envelope.sender == "http://10.20.30.40:8080/ocpp"
    assert envelope.reply_to == "http://www.w3.org/2005/08/addressing/anonymous"
    assert envelope.to == "https://csms.example.org/ocpp/soap"
    assert envelope.relates_to == ""
    assert repr(envelope) == "Envelope(1.6 Cs BootNotification request, 'CP-0001')"


def test_what_is_missing_is_empty() -> None:
    """A message without any header is taken: some stations answer so."""
    envelope = taken(enveloped(HEARTBEAT))
    assert (envelope.identity, envelope.message_id, envelope.action, envelope.to) == ("", "", "", "")
    assert taken(enveloped(HEARTBEAT, f"<w:From {WSA}/><w:MessageID {WSA}/>")).sender == ""


def test_the_identity_is_the_parsed_header() -> None:
    """The identity is trimmed and unescaped; what looks like one in a comment or CDATA is none."""
    header = (
        f"<!-- {IDENTITY.replace('CP-1', 'CP-2')} -->"
        f'<i:chargeBoxIdentity xmlns:i="{CS16}">\n  RDAM&#124;1&amp;&lt;2>  </i:chargeBoxIdentity>'
    )
    assert taken(enveloped(HEARTBEAT, header)).identity == "RDAM|1&<2>"
    data = f'<dataTransferRequest xmlns="{CS16}"><data><![CDATA[{IDENTITY}]]></data></dataTransferRequest>'
    assert taken(enveloped(data, IDENTITY)).identity == "CP-1"


@pytest.mark.parametrize("service", ["Cs", "Cp"])
@pytest.mark.parametrize("date", ["2010/08", "2012/06", "2015/10"])
@pytest.mark.parametrize("slash", ["/", ""])
def test_the_version_is_the_bodys_namespace(service: str, date: str, slash: str) -> None:
    """The version is that of the body's namespace, with or without the final slash, for header and body."""
    version = {"2010/08": "1.2", "2012/06": "1.5", "2015/10": "1.6"}[date]
    operation = "heartbeat" if service == "Cs" else "reset"
    header = f'<i:chargeBoxIdentity xmlns:i="urn://Ocpp/{service}/{date}">CP-1</i:chargeBoxIdentity>'
    envelope = taken(enveloped(f'<{operation}Request xmlns="urn://Ocpp/{service}/{date}{slash}"/>', header))
    assert (envelope.version, envelope.service, envelope.identity) == (version, service, "CP-1")


def test_a_header_may_name_the_other_service() -> None:
    """Stacks that mix up the namespaces of the two services are understood, if the version is the same."""
    header = IDENTITY.replace("/Cs/", "/Cp/")
    assert taken(enveloped(HEARTBEAT, header)).identity == "CP-1"


@pytest.mark.parametrize(
    "action",
    [
        "/Heartbeat",
        "Heartbeat",
        ' "/Heartbeat" ',
        "'urn://Ocpp/Cs/2015/10/Heartbeat'",
        "urn://Ocpp/Cs/2015/10/CentralSystemService/Heartbeat",
        "urn://Ocpp/Cs/2015/10/CentralSystemService/HeartbeatRequest",
        "/HeartbeatResponse",
        "",
    ],
)
def test_the_action_comes_in_many_forms(action: str) -> None:
    """An Action is understood quoted, fully qualified, as the default of WS-Addressing, and empty."""
    assert taken(enveloped(HEARTBEAT, f"<w:Action {WSA}>{action}</w:Action>")).operation == "Heartbeat"


@pytest.mark.parametrize(
    ("codec", "declared", "mark"),
    [
        ("utf-8", "UTF-8", b""),
        ("utf-8", "utf8", b"\xef\xbb\xbf"),
        ("utf-8", "ISO-8859-1", b"\xef\xbb\xbf"),
        ("utf-8", "utf-16", b""),
        ("utf-8", "utf-8", b"\r\n "),
        ("iso-8859-1", "ISO-8859-1", b""),
        ("iso-8859-1", "latin1", b"\n"),
        ("utf-16-le", "UTF-16", b"\xff\xfe"),
        ("utf-16-be", "UTF-16", b"\xfe\xff"),
        ("utf-16-le", "UTF-16", b""),
        ("utf-16-be", "UTF-16", b""),
    ],
)
def test_encodings(codec: str, declared: str, mark: bytes) -> None:
    """A message is read in each encoding that stations use, with and without a byte order mark."""
    text = sample(BOOT).decode().replace('encoding="UTF-8"', f'encoding="{declared}"').replace("CP-0001", "Köln")
    assert taken(mark + text.encode(codec)).identity == "Köln"


def test_the_zero_behind_a_message() -> None:
    """The zero that ends a string of C, and line breaks, may follow a message."""
    assert taken(sample(BOOT) + b"\r\n\x00").identity == "CP-0001"


@pytest.mark.parametrize(
    ("header", "identity", "message_id"),
    [("", "", ""), (f"{IDENTITY}<w:MessageID {WSA}> m-1 </w:MessageID>", "CP-1", "m-1")],
)
def test_an_unknown_operation_is_not_supported(header: str, identity: str, message_id: str) -> None:
    """What a version has not is answered NotSupported, under the MessageID that it came with."""
    bad = refused(enveloped(f'<signCertificateRequest xmlns="{CS16}"/>', header))
    assert (bad.subcode, bad.version, bad.identity, bad.message_id) == ("NotSupported", "1.6", identity, message_id)
    assert bad.fault == Fault("Receiver", "NotSupported", "There is no such operation in OCPP-S 1.6")
    bad = refused(enveloped('<dataTransferRequest xmlns="urn://Ocpp/Cs/2010/08/"/>'))
    assert (bad.subcode, bad.version) == ("NotSupported", "1.2")


SOAP_11 = (b"http://www.w3.org/2003/05/soap-envelope", b"http://schemas.xmlsoap.org/soap/envelope/")


def test_soap_1_1() -> None:
    """Envelopes of SOAP 1.1 are read like those of 1.2, and what is refused says that it is one of them."""
    raw = sample(BOOT).replace(*SOAP_11)
    envelope = taken(raw)
    assert (envelope.edition, envelope.operation, envelope.identity) == ("1.1", "BootNotification", "CP-0001")
    assert taken(sample(BOOT)).edition == "1.2"
    bad = refused(raw.replace(b"bootNotificationRequest", b"signCertificateRequest"))
    assert (bad.edition, bad.subcode, bad.identity) == ("1.1", "NotSupported", "CP-0001")


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("s:Client.IdentityMismatch", Fault("Sender", "IdentityMismatch", "why")),
        ("Server", Fault("Receiver", "", "why")),
        ("e:NotSupported", Fault("Receiver", "NotSupported", "why")),
        ("SecurityError", Fault("Sender", "SecurityError", "why")),
    ],
)
def test_faults_of_soap_1_1(code: str, fault: Fault) -> None:
    """The code of a fault of SOAP 1.1 says whose it is, behind a dot or instead what it is."""
    said = f"<s:Fault><faultcode> {code} </faultcode><faultstring>why</faultstring></s:Fault>"
    envelope = taken(enveloped(said).replace(*SOAP_11))
    assert (envelope.kind, envelope.fault, envelope.version) == ("fault", fault, "1.6")
    assert taken(enveloped("<s:Fault/>").replace(*SOAP_11)).fault == Fault("Sender", "", "")


def test_much_that_is_not_dense() -> None:
    """Ten thousand meter values in one message are taken."""
    value = "<timestamp>2026-01-01T00:00:00Z</timestamp><sampledValue><value>1</value></sampledValue>"
    values = f"<meterValue>{value}</meterValue>" * 10_000
    body = f'<meterValuesRequest xmlns="{CS16}">{values}</meterValuesRequest>'
    assert isinstance(parse(enveloped(body), 1 << 22), Envelope)


LAUGHS = b"""<?xml version="1.0"?><!-- <x> --><?p?>
<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
"""
EXTERNAL = b'<!DOCTYPE e [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
PARAMETER = b'<!DOCTYPE e [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd"> %x;]>'
BODY = enveloped(f'<authorizeRequest xmlns="{CS16}"><idTag>&c;&x;</idTag></authorizeRequest>')
PLAIN = enveloped(HEARTBEAT)
DEEP = enveloped(HEARTBEAT.replace("/>", ">" + "<a>" * 40 + "</a>" * 40 + "</heartbeatRequest>"))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param(LAUGHS + BODY, "document type", id="billion laughs"),
        pytest.param(EXTERNAL + BODY, "document type", id="external entity"),
        pytest.param(PARAMETER + PLAIN, "document type", id="parameter entity"),
        pytest.param(b"<!DOCTYPE e>" + PLAIN, "document type", id="empty document type"),
        pytest.param((EXTERNAL + BODY).decode().encode("utf-16"), "document type", id="external entity in UTF-16"),
        pytest.param(b"\xef\xbb\xbf\r\n" + EXTERNAL + BODY, "document type", id="external entity behind a mark"),
        pytest.param(BODY, "well-formed", id="entity that nobody declared"),
        pytest.param(PLAIN + EXTERNAL, "well-formed", id="document type behind the envelope"),
        pytest.param(b"x" + EXTERNAL + BODY, "well-formed", id="document type behind a text"),
        pytest.param(b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE', "UTF-8", id="UTF-7"),
        pytest.param(b'<?xml version="1.0" encoding="cp037"?><a/>', "UTF-8", id="EBCDIC"),
        pytest.param(PLAIN.decode().encode("utf-32"), "well-formed", id="UTF-32"),
        pytest.param(b"\xff\xfe" + b"\x00\xd8" * 2, "UTF-8", id="half a pair in UTF-16"),
        pytest.param(PLAIN.replace(b"heartbeatRequest", b"heartbeat\xffRequest"), "well-formed", id="not UTF-8"),
        pytest.param(b"", "well-formed", id="nothing"),
        pytest.param(b"\x00\x00", "well-formed", id="zeroes"),
        pytest.param(b'[2,"1","Heartbeat",{}]', "well-formed", id="JSON"),
        pytest.param(b"<html><body>Log in<br></body></html>", "well-formed", id="HTML"),
        pytest.param(b"<html><body>Log in</body></html>", "not a SOAP envelope", id="XHTML"),
        pytest.param(PLAIN[:-20], "well-formed", id="cut short"),
        pytest.param(PLAIN + PLAIN, "well-formed", id="twice"),
        pytest.param(PLAIN.replace(b"2003/05", b"2002/12"), "not a SOAP envelope", id="a draft of SOAP 1.2"),
        pytest.param(
            PLAIN.replace(b"<s:Body", b'<s:Body xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'),
            "one header and one body",
            id="two editions of SOAP",
        ),
        pytest.param(enveloped(""), "empty", id="empty body"),
        pytest.param(enveloped("text"), "empty", id="text for a body"),
        pytest.param(enveloped(HEARTBEAT * 2), "more than one element", id="two bodies"),
        pytest.param(PLAIN.replace(b"s:Body", b"s:Head"), "one header and one body", id="no body"),
        pytest.param(
            enveloped(HEARTBEAT, IDENTITY).replace(b"</s:Header>", b"</s:Header><s:Header/>"),
            "one header and one body",
            id="two headers",
        ),
        pytest.param(PLAIN.replace(b"</s:Body>", b"</s:Body><s:Header/>"), "one header", id="header behind the body"),
        pytest.param(enveloped("<heartbeatRequest/>"), "namespace", id="no namespace"),
        pytest.param(
            enveloped('<heartbeatRequest xmlns="urn://Ocpp/Cs/2099/01/"/>'), "namespace", id="wrong namespace"
        ),
        pytest.param(enveloped(HEARTBEAT, IDENTITY * 2), "more than one chargeBoxIdentity", id="two identities"),
        pytest.param(
            enveloped(HEARTBEAT, IDENTITY + IDENTITY.replace("2015/10", "2012/06")),
            "more than one chargeBoxIdentity",
            id="two identities of two versions",
        ),
        pytest.param(
            enveloped(HEARTBEAT, IDENTITY + "<chargeBoxIdentity>CP-2</chargeBoxIdentity>"),
            "more than one chargeBoxIdentity",
            id="two identities, one of them in no namespace",
        ),
        pytest.param(
            enveloped(HEARTBEAT, IDENTITY.replace(CS16, "urn:x")),
            "chargeBoxIdentity is not in",
            id="identity of others",
        ),
        pytest.param(
            enveloped(HEARTBEAT, IDENTITY.replace("2015/10", "2012/06")),
            "chargeBoxIdentity is not in",
            id="identity of another version",
        ),
        pytest.param(
            enveloped(HEARTBEAT, IDENTITY.replace("CP-1", "CP<x/>-1")), "holds elements", id="identity in pieces"
        ),
        pytest.param(
            enveloped(HEARTBEAT, f"<w:Action {WSA}>/Heartbeat</w:Action><w:Action {WSA}>/Reset</w:Action>"),
            "more than one Action",
            id="two actions",
        ),
        pytest.param(
            enveloped(HEARTBEAT, f"<w:Action {WSA}>/StopTransaction</w:Action>"), "another operation", id="wrong action"
        ),
        pytest.param(
            enveloped(HEARTBEAT, f"<w:From {WSA}><w:Address>a</w:Address><w:Address>b</w:Address></w:From>"),
            "more than one address",
            id="two addresses",
        ),
        pytest.param(b"<?xml-stylesheet href='http://127.0.0.1:9/'?>" + PLAIN, "instructions", id="style sheet"),
        pytest.param(PLAIN + b"<?p x?>", "instructions", id="instruction behind"),
        pytest.param(
            enveloped(f'<authorizeRequest xmlns="{CS16}"><idTag>a<?p?>b</idTag></authorizeRequest>'),
            "instructions",
            id="instruction inside",
        ),
        pytest.param(enveloped(HEARTBEAT, "<a/>" * 257), "more than 256 elements", id="crowded header"),
        pytest.param(
            enveloped(HEARTBEAT.replace("/>", ">" + "<a/>" * 10_000 + "</heartbeatRequest>")),
            "too many elements",
            id="dense",
        ),
        pytest.param(DEEP, "nested more than 32 deep", id="deep"),
        pytest.param(b"<a>" * 5000 + b"</a>" * 5000, "well-formed", id="deeper than the parser goes"),
        pytest.param(b"<" * 1_000_000, "well-formed", id="a million brackets"),
        pytest.param(b" " * (LARGEST + 1), f"longer than {LARGEST} bytes", id="oversized"),
    ],
)
def test_hostile_messages_are_refused(raw: bytes, reason: str) -> None:
    """Whatever is thrown at it, a message that cannot be taken is refused with a reason and never raises."""
    bad = refused(raw)
    assert reason in bad.reason
    assert bad.subcode == "ProtocolError"
    assert bad.fault.role == "Sender"


def test_nothing_is_fetched_or_expanded(tmp_path: Path) -> None:
    """No file is read and no entity expanded on the way to the refusal."""
    (tmp_path / "secret").write_text("hidden")
    doctype = f'<!DOCTYPE e [<!ENTITY c SYSTEM "file://{tmp_path}/secret"><!ENTITY x "">]>'.encode()
    assert "hidden" not in repr(refused(doctype + BODY))


def test_a_document_type_inside_data_is_data() -> None:
    """A vendor may send HTML in a CDATA section or a comment: only a real document type is one."""
    html = "<![CDATA[<!DOCTYPE html><html/>]]>"
    comment = "<!-- <!DOCTYPE x> -->"
    content = f'<dataTransferRequest xmlns="{CS16}"><data>{html}</data>{comment}</dataTransferRequest>'
    envelope = taken(b"<!-- <!DOCTYPE x> -->" + enveloped(content))
    assert envelope.body[0].text == "<!DOCTYPE html><html/>"


@pytest.mark.parametrize("aside", ["<!-- -->", "<!---->", "<![CDATA[]]>", "<![CDATA[X]]>"])
@pytest.mark.parametrize("text", ["CP1{}", "{}CP1", "CP1{}X", " {} "])
def test_a_broken_text_is_refused(aside: str, text: str) -> None:
    """A comment or CDATA in a text, be it empty, is refused in headers and bodies: readers differ about it."""
    broken = text.format(aside)
    identity = f'<i:chargeBoxIdentity xmlns:i="{CS16}">{broken}</i:chargeBoxIdentity>'
    for header in (identity, f"<w:MessageID {WSA}>{broken}</w:MessageID>", f"<w:Action {WSA}>{broken}</w:Action>"):
        assert "breaks a text" in refused(enveloped(HEARTBEAT, header)).reason
    body = f'<authorizeRequest xmlns="{CS16}"><idTag>{broken}</idTag></authorizeRequest>'
    assert "breaks a text" in refused(enveloped(body, IDENTITY)).reason
    mixed = f'<authorizeRequest xmlns="{CS16}">{broken}<idTag>1</idTag></authorizeRequest>'
    if text.strip() != "{}" or aside == "<![CDATA[X]]>":
        assert "breaks a text" in refused(enveloped(mixed, IDENTITY)).reason


def test_asides_that_break_nothing_are_taken() -> None:
    """A comment between elements is taken, a CDATA section where a DataTransfer has its data, too; 257 are not."""
    comment = "<!-- by a stack that explains itself -->"
    content = f'{comment}<dataTransferRequest xmlns="{CS16}">{comment}<data>%s</data></dataTransferRequest>{comment}'
    assert taken(enveloped(content % "<![CDATA[<a/>]]>", comment + IDENTITY)).body[0].text == "<a/>"
    assert "breaks a text" in refused(enveloped(content % "<b><![CDATA[a]]></b>", IDENTITY)).reason
    assert "breaks a text" in refused(enveloped(content % "a<!-- -->", IDENTITY)).reason
    taken(enveloped(HEARTBEAT, IDENTITY + comment * 256))
    assert "breaks a text" in refused(enveloped(HEARTBEAT, IDENTITY + comment * 257)).reason


def test_a_comment_beside_a_name_that_only_one_parser_takes() -> None:
    """Where the two parsers disagree about a message with a comment, it is refused."""
    odd = "<\u0370/><!-- -->"  # a letter of the fifth edition of XML 1.0, and of none before
    assert "breaks a text" in refused(enveloped(HEARTBEAT, odd)).reason


def test_what_includes_is_not_followed() -> None:
    """XInclude and schema locations are only elements and attributes: nothing is fetched for them."""
    include = '<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="file:///etc/hostname" parse="text"/>'
    envelope = taken(enveloped(f'<authorizeRequest xmlns="{CS16}"><idTag>{include}</idTag></authorizeRequest>'))
    assert etree.tostring(envelope.body[0]).count(b"include") == 1


def test_the_limit_is_the_callers() -> None:
    """A message of exactly the limit is taken, one byte more is not."""
    assert isinstance(parse(PLAIN, len(PLAIN)), Envelope)
    assert "longer than" in refused(PLAIN, len(PLAIN) - 1).reason


def test_related_messages_may_be_many() -> None:
    """RelatesTo is the one header that may be repeated; the first counts."""
    header = f"<w:RelatesTo {WSA}>a</w:RelatesTo><w:RelatesTo {WSA}>b</w:RelatesTo>"
    assert taken(enveloped(HEARTBEAT.replace("Request", "Response"), header)).relates_to == "a"


def test_strange_headers_are_let_be() -> None:
    """Headers that OCPP has not do not matter, whatever they hold."""
    header = '<x:Security xmlns:x="u"><a><b/></a></x:Security><mychargeBoxIdentity>X</mychargeBoxIdentity>'
    assert taken(enveloped(HEARTBEAT, header + IDENTITY)).identity == "CP-1"


FAULT = "<s:Fault>{}<s:Reason><s:Text>a</s:Text><s:Text>b</s:Text></s:Reason></s:Fault>"


@pytest.mark.parametrize(
    ("code", "fault", "version"),
    [
        ("", Fault("", "", "a"), "1.6"),
        ("<s:Code><s:Value>s:Receiver</s:Value></s:Code>", Fault("Receiver", "", "a"), "1.6"),
        (
            '<s:Code><s:Value>Receiver</s:Value><s:Subcode><s:Value xmlns="urn://Ocpp/2012/02">NotSupported</s:Value>'
            "</s:Subcode></s:Code>",
            Fault("Receiver", "NotSupported", "a"),
            "1.5",
        ),
        (
            "<s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>x:Odd</s:Value></s:Subcode></s:Code>",
            Fault("Sender", "Odd", "a"),
            "1.6",
        ),
    ],
)
def test_faults_of_every_make(code: str, fault: Fault, version: str) -> None:
    """A fault is read with whatever it has of code, subcode and reason."""
    envelope = taken(enveloped(FAULT.format(code)))
    assert (envelope.kind, envelope.fault, envelope.version) == ("fault", fault, version)


@given(st.binary(max_size=200), st.integers(0, 1000), st.integers(0, 30))
def test_noise_never_raises(noise: bytes, at: int, cut: int) -> None:
    """Whatever bytes come, alone or inside a message, reading them gives a value."""
    good = sample(BOOT)
    assert isinstance(parse(noise), BadEnvelope)
    assert isinstance(parse(good[:at] + noise + good[at + cut :]), Envelope | BadEnvelope)
