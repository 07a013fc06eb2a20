"""Parsing of SOAP envelopes: headers, version and operation.

Nothing is guessed from raw bytes: version and operation are taken from the parsed body, the identity from the parsed
header. An ambiguous message is refused, because a backend gets the same bytes and may read them differently: two
identities, two actions, an Action of another operation, document types, processing instructions, and texts that a
comment or a CDATA section breaks.
Source: SOAP 1.2 part 1 section 5; SOAP 1.1 section 4; WS-Addressing 1.0 section 3; OCPP-S 1.6 section 3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import NoReturn

from lxml import etree

from voltgate.ocpp.soap.broken_texts import breaks_a_text
from voltgate.ocpp.soap.characters import document
from voltgate.ocpp.soap.faults import Fault, Subcode, fault, fault_11
from voltgate.ocpp.soap.names import (
    ADDRESSING,
    EDITIONS,
    SOAP,
    SPELLINGS,
    SUBCODE_VERSIONS,
    Edition,
    Kind,
    Service,
    Version,
)
from voltgate.ocpp.soap.operations import means, operations

LARGEST = 1 << 20
"""Bytes of a message."""

DEEPEST = 32
"""Depth of nested elements; the deepest body of OCPP has seven."""

MOST_HEADERS = 256
"""Elements in the header, at any depth; a signed header has about fifty."""

FEWEST_BYTES = 28
"""Least average size of an element in bytes, beyond the first `FREE_ELEMENTS`; a denser message is not OCPP."""

FREE_ELEMENTS = 4096

_PARSER = etree.XMLParser(
    encoding="utf-8",
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    dtd_validation=False,
    attribute_defaults=False,
    huge_tree=False,
    recover=False,
    remove_comments=True,
    remove_pis=False,
    collect_ids=False,
)
_is_deep = etree.XPath("boolean(/" + "*/" * DEEPEST + "*)")
_is_crowded = etree.XPath(f"boolean(descendant::*[{MOST_HEADERS + 1}])")
_is_dense = etree.XPath("boolean(descendant::*[$most])")
_prolog = re.compile(rb"(?>\s++|<\?.*?\?>|<!--.*?-->)*+", re.DOTALL).match

_ENVELOPES = {f"{{{space}}}Envelope": edition for space, edition in EDITIONS.items()}
_FAULTS = frozenset(f"{{{space}}}Fault" for space in EDITIONS)
_ADDRESS = f"{{{ADDRESSING}}}Address"
_TEXTS = {f"{{{ADDRESSING}}}{name}": name for name in ("Action", "MessageID", "RelatesTo", "To")}
_ENDPOINTS = {f"{{{ADDRESSING}}}{name}": name for name in ("From", "ReplyTo")}
_SUBCODE = ("Code", "Subcode", "Value")
_IDENTITY = "chargeBoxIdentity"

_BODIES: dict[str, tuple[Version, Service, str, Kind]] = {
    f"{{{spelling}}}{operation[0].lower()}{operation[1:]}{kind.capitalize()}": (version, service, operation, kind)
    for spelling, (version, service) in SPELLINGS.items()
    for operation in operations(version, service)
    for kind in ("request", "response")
}


@dataclass(frozen=True, slots=True)
class Envelope:
    """A parsed SOAP message.

    A missing header is "". `sender` is the address in From, on which the station listens; it is not authenticated. A
    fault does not name the operation it answers: its `operation` is "", its `service` has no meaning, and its `version`
    is that of its subcode's namespace if that is one of OCPP.
    """

    kind: Kind
    body: etree._Element
    version: Version = "1.6"
    service: Service = "Cs"
    operation: str = ""
    identity: str = ""
    message_id: str = ""
    action: str = ""
    relates_to: str = ""
    sender: str = ""
    reply_to: str = ""
    to: str = ""
    fault: Fault | None = None
    edition: Edition = "1.2"

    def __repr__(self) -> str:
        return f"Envelope({self.version} {self.service} {self.operation} {self.kind}, {self.identity!r})"


@dataclass(frozen=True, slots=True)
class BadEnvelope:
    """A message that is refused, and the fault to answer it with.

    `version`, `edition`, `identity` and `message_id` are what could be read of it; `reason` contains nothing of it.
    """

    subcode: Subcode
    reason: str
    version: Version = "1.6"
    identity: str = ""
    message_id: str = ""
    edition: Edition = "1.2"

    @property
    def fault(self) -> Fault:
        """The fault that answers the message."""
        return fault(self.subcode, self.reason)


class _Refused(Exception):  # noqa: N818 - an outcome, not an error
    """Raised to refuse a message; never leaves this module."""

    def __init__(self, reason: str, subcode: Subcode = "ProtocolError", version: Version = "1.6") -> None:
        super().__init__(reason)
        self.bad = BadEnvelope(subcode, reason, version)


def parse(raw: bytes, largest: int = LARGEST) -> Envelope | BadEnvelope:
    """Parse a message, already decompressed; one of more than `largest` bytes is refused."""
    try:
        root = _tree(raw, largest)
    except _Refused as refused:
        return refused.bad
    found: dict[str, str] = {}
    edition = _ENVELOPES.get(root.tag, "1.2")
    try:
        header, body = _parts(root)
        found = {} if header is None else _headers(header)
        envelope = _envelope(body, found)
        return envelope if edition == "1.2" else replace(envelope, edition=edition)
    except _Refused as refused:
        identity, message_id = found.get(_IDENTITY, ""), found.get("MessageID", "")
        return replace(refused.bad, identity=identity, message_id=message_id, edition=edition)


def _tree(raw: bytes, largest: int) -> etree._Element:
    if len(raw) > largest:
        raise _Refused(f"The message is longer than {largest} bytes")
    found = document(raw)
    text = None if found is None else found.utf8
    if text is None:
        raise _Refused("The message is not in UTF-8, UTF-16 or ISO 8859-1")
    if _has_doctype(text):
        raise _Refused("The message has a document type")
    try:
        root = etree.fromstring(text, _PARSER)
    except etree.XMLSyntaxError as error:
        raise _Refused(f"The message is not well-formed XML (line {error.lineno})") from None
    if _is_deep(root):
        raise _Refused(f"The message is nested more than {DEEPEST} deep")
    if _is_dense(root, most=FREE_ELEMENTS + len(text) // FEWEST_BYTES):
        raise _Refused("The message holds too many elements")
    if _has_instructions(root):
        raise _Refused("The message has processing instructions")
    if breaks_a_text(text):
        raise _Refused("A comment or a CDATA section breaks a text")
    return root


def _has_doctype(text: bytes) -> bool:
    """Return whether a document type follows the declaration, comments and instructions, where alone it is allowed."""
    if b"<!DOCTYPE" not in text:
        return False
    prolog = _prolog(text)
    return prolog is not None and text.startswith(b"<!DOCTYPE", prolog.end())


def _has_instructions(root: etree._Element) -> bool:
    beside = root.getprevious() is not None or root.getnext() is not None
    return beside or next(root.iter(etree.ProcessingInstruction), None) is not None


def _parts(root: etree._Element) -> tuple[etree._Element | None, etree._Element]:
    """Return the header, if there is one, and the only child of the body."""
    if root.tag not in _ENVELOPES:
        raise _Refused("The message is not a SOAP envelope")
    space = root.tag.removesuffix("Envelope")
    tags = [part.tag for part in root]
    if tags not in ([f"{space}Header", f"{space}Body"], [f"{space}Body"]):
        raise _Refused("The envelope is not one header and one body")
    bodies = root[-1]
    if len(bodies) != 1:
        raise _Refused("The body is empty" if len(bodies) == 0 else "The body holds more than one element")
    return (root[0] if len(tags) == 2 else None), bodies[0]


def _headers(header: etree._Element) -> dict[str, str]:
    """Return the headers that OCPP-S uses by their local names; others are ignored."""
    if _is_crowded(header):
        raise _Refused(f"The header holds more than {MOST_HEADERS} elements")
    found: dict[str, str] = {}
    for child in header:
        tag = child.tag
        if tag in _TEXTS:
            name, value = _TEXTS[tag], _text(child)
        elif tag in _ENDPOINTS:
            name, value = _ENDPOINTS[tag], _address(child)
        elif tag.endswith(_IDENTITY) and tag.rpartition("}")[2] == _IDENTITY:
            name, value = _IDENTITY, _text(child)
            found["namespace"] = tag[1:].partition("}")[0]
        else:
            continue
        if name not in found:
            found[name] = value
        elif name != "RelatesTo":  # the one that may be repeated (WS-Addressing 1.0 section 3.1)
            raise _Refused(f"The header holds more than one {name}")
    return found


def _text(element: etree._Element) -> str:
    if len(element):
        raise _Refused("A header that is a text holds elements")
    return (element.text or "").strip()


def _address(endpoint: etree._Element) -> str:
    addresses = [part for part in endpoint if part.tag == _ADDRESS]
    if len(addresses) > 1:
        raise _Refused("An endpoint has more than one address")
    return _text(addresses[0]) if addresses else ""


def _envelope(body: etree._Element, found: dict[str, str]) -> Envelope:
    if body.tag in _FAULTS:
        return _filled("fault", body, _fault_version(body), "Cs", "", found, _fault(body))
    version, service, operation, kind = _BODIES.get(body.tag) or _unknown(body.tag)
    if _IDENTITY in found and SPELLINGS.get(found["namespace"], ("",))[0] != version:
        raise _Refused("chargeBoxIdentity is not in the namespace of the body's version", version=version)
    if found.get("Action") and not means(found["Action"], operation):
        raise _Refused("Action speaks of another operation than the body", version=version)
    return _filled(kind, body, version, service, operation, found, None)


def _filled(
    kind: Kind,
    body: etree._Element,
    version: Version,
    service: Service,
    operation: str,
    found: dict[str, str],
    said: Fault | None,
) -> Envelope:
    return Envelope(
        kind,
        body,
        version,
        service,
        operation,
        found.get(_IDENTITY, ""),
        found.get("MessageID", ""),
        found.get("Action", ""),
        found.get("RelatesTo", ""),
        found.get("From", ""),
        found.get("ReplyTo", ""),
        found.get("To", ""),
        said,
    )


def _unknown(tag: str) -> NoReturn:
    """Raise _Refused: for an unknown operation of OCPP, or for a body that is not OCPP at all."""
    known = SPELLINGS.get(tag[1:].partition("}")[0])
    if known is None:
        raise _Refused("The body is in a namespace that is not OCPP's")
    raise _Refused(f"There is no such operation in OCPP-S {known[0]}", "NotSupported", known[0])


def _fault(body: etree._Element) -> Fault:
    if body.tag != f"{{{SOAP}}}Fault":
        return fault_11((body.findtext("faultcode") or "").strip(), (body.findtext("faultstring") or "").strip())
    role, subcode = (_text_at(body, *path).rpartition(":")[2] for path in (("Code", "Value"), _SUBCODE))
    return Fault(role, subcode, _text_at(body, "Reason", "Text"))


def _fault_version(body: etree._Element) -> Version:
    subcode = _at(body, *_SUBCODE)
    if subcode is None:
        return "1.6"
    prefix = _text_at(body, *_SUBCODE).rpartition(":")[0] or None
    return SUBCODE_VERSIONS.get(subcode.nsmap.get(prefix, "").removesuffix("/"), "1.6")


def _text_at(element: etree._Element, *path: str) -> str:
    found = _at(element, *path)
    return "" if found is None else (found.text or "").strip()


def _at(element: etree._Element, *path: str) -> etree._Element | None:
    """Return the element at a path of SOAP's own elements, the first if there are several; None if there is none."""
    for name in path:
        found = next(element.iterchildren(f"{{{SOAP}}}{name}"), None)
        if found is None:
            return None
        element = found
    return element
