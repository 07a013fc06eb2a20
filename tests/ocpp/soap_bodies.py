"""Bodies of OCPP-S made from the field lists of its WSDLs, and a schema that says whether a body is one.

Both are made from soap/fields.json, not from the table under test.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from hypothesis import strategies as st
from lxml import etree

SAMPLES = Path(__file__).parent / "soap"
LISTS: dict[str, dict[str, dict[str, Any]]] = json.loads((SAMPLES / "fields.json").read_text())
SERVICES = {"Cs": "CentralSystemService", "Cp": "ChargePointService"}
VALUES = {"context": "ReadingContext", "format": "ValueFormat", "measurand": "Measurand", "location": "Location"}
ATTRIBUTES = {**VALUES, "unit": "UnitOfMeasure"}

BODIES = [
    (version, service, name.removesuffix(end), end.lower())
    for version, services in LISTS.items()
    for service, long_name in SERVICES.items()
    for name in services[long_name]["types"]
    for end in ("Request", "Response")
    if name.endswith(end)
]
"""Every body there is: version, service, operation, kind."""

XML_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=20)
TIMES = st.sampled_from(["2026-11-21T10:00:00Z", "2026-11-21T10:00:00.123+01:00", "1970-01-01T00:00:00"])


def sample(name: str) -> bytes:
    """Read one of the sample envelopes."""
    return (SAMPLES / name).read_bytes()


def service_of(version: str, service: str) -> dict[str, Any]:
    """Give the field lists of one service."""
    return LISTS[version][SERVICES[service]]


@lru_cache(maxsize=6)
def schema(version: str, service: str) -> etree.XMLSchema:
    """Compile the XML schema of a service."""
    return etree.XMLSchema(etree.fromstring(schema_text(version, service)))


def schema_text(version: str, service: str) -> str:
    """Write the XML schema of a service."""
    lists = service_of(version, service)
    parts = [_enumeration(name, words) for name, words in lists["enums"].items()]
    for name, fields in lists["types"].items():
        parts.append(_complex_type(name, fields, lists))
        if name.endswith(("Request", "Response")):
            parts.append(f'<xs:element name="{name[0].lower()}{name[1:]}" type="t:{name}"/>')
    head = (
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="{lists["namespace"]}" '
        f'targetNamespace="{lists["namespace"]}" elementFormDefault="qualified">'
    )
    return f"{head}{''.join(parts)}</xs:schema>"


def _enumeration(name: str, words: list[str] | str) -> str:
    if isinstance(words, str):
        inside = f'<xs:maxLength value="{words.split()[-1]}"/>'
    else:
        inside = "".join(f'<xs:enumeration value="{word}"/>' for word in words)
    return f'<xs:simpleType name="{name}"><xs:restriction base="xs:string">{inside}</xs:restriction></xs:simpleType>'


def _complex_type(name: str, fields: list[dict[str, Any]], lists: dict[str, Any]) -> str:
    elements = "".join(_element(field, lists) for field in fields if "name" in field)
    return f'<xs:complexType name="{name}"><xs:sequence>{elements}</xs:sequence></xs:complexType>'


def _element(field: dict[str, Any], lists: dict[str, Any]) -> str:
    times = f'name="{field["name"]}" minOccurs="{field["min"]}" maxOccurs="{field["max"]}"'
    kind = field["type"]
    if kind == "inline":
        attributes = "".join(f'<xs:attribute name="{name}" type="t:{of}"/>' for name, of in ATTRIBUTES.items())
        inside = f'<xs:simpleContent><xs:extension base="xs:string">{attributes}</xs:extension></xs:simpleContent>'
        return f"<xs:element {times}><xs:complexType>{inside}</xs:complexType></xs:element>"
    own = kind in lists["types"] or kind in lists["enums"]
    return f'<xs:element {times} type="{f"t:{kind}" if own else f"xs:{_simple(kind)}"}"/>'


def _simple(kind: str) -> str:
    return {"DecimalOne": "decimal", "string": "string"}.get(kind, kind)


def body(version: str, service: str, operation: str, kind: str, draw: Any) -> str:
    """Make a body: `draw` is asked how often an element stands, and for each value."""
    lists = service_of(version, service)
    name = f"{operation}{kind.capitalize()}"
    tag = f"{name[0].lower()}{name[1:]}"
    return f'<{tag} xmlns="{lists["namespace"]}">{_content(name, lists, draw)}</{tag}>'


def _content(name: str, lists: dict[str, Any], draw: Any) -> str:
    content = ""
    for field in lists["types"][name]:
        if "name" in field:
            for _ in range(draw.times(field["min"], field["max"] == "unbounded")):
                content += _one(field, lists, draw)
    return content


def _one(field: dict[str, Any], lists: dict[str, Any], draw: Any) -> str:
    name, kind = field["name"], field["type"]
    if kind in lists["types"]:
        return f"<{name}>{_content(kind, lists, draw)}</{name}>"
    attributes = ""
    if kind == "inline":
        for attribute, of in ATTRIBUTES.items():
            if draw.times(0, False):
                attributes += f" {attribute}={quoteattr(draw.word(lists['enums'][of]))}"
    return f"<{name}{attributes}>{escape(_value(kind, lists['enums'].get(kind), draw))}</{name}>"


def _value(kind: str, words: list[str] | str | None, draw: Any) -> str:
    if isinstance(words, list):
        return str(draw.word(words))
    draws = {
        "int": draw.int,
        "boolean": draw.bool,
        "dateTime": draw.time,
        "DecimalOne": draw.decimal,
        "anyURI": draw.uri,
    }
    return str(draws.get(kind, draw.text)())


class Plain:
    """Draws nothing by chance: the least, or everything there can be, each list with `many` elements."""

    def __init__(self, many: int) -> None:
        self.many = many
        self._n = 0

    def times(self, least: int, unbounded: bool) -> int:
        return max(least, self.many if unbounded else min(self.many, 1))

    def word(self, words: list[str]) -> str:
        self._n += 1
        return words[self._n % len(words)]

    def int(self) -> str:
        return "42"

    def bool(self) -> str:
        return "true"

    def time(self) -> str:
        return "2026-11-21T10:00:00Z"

    def decimal(self) -> str:
        return "16.5"

    def uri(self) -> str:
        return "ftp://user:pass@host/a?b&c"

    def text(self) -> str:
        return "a&b <c>"


class Chance:
    """Draws from Hypothesis."""

    def __init__(self, draw: Any) -> None:
        self._draw = draw

    def times(self, least: int, unbounded: bool) -> int:
        return int(self._draw(st.integers(least, 3 if unbounded else 1)))

    def word(self, words: list[str]) -> str:
        return str(self._draw(st.sampled_from(words)))

    def int(self) -> str:
        return str(self._draw(st.integers(-(2**31), 2**31 - 1)))

    def bool(self) -> str:
        return str(self._draw(st.sampled_from(["true", "false", "1", "0"])))

    def time(self) -> str:
        return str(self._draw(TIMES))

    def decimal(self) -> str:
        return str(self._draw(st.integers(0, 100_000)) / 10)

    def uri(self) -> str:
        return str(self._draw(st.sampled_from(["ftp://u:p@h/f", "https://h/?a=1&b=2"])))

    def text(self) -> str:
        return str(self._draw(XML_TEXT))


def enveloped(content: str, header: str = "") -> bytes:
    """Put a body into the plainest envelope there is."""
    head = f"<s:Header>{header}</s:Header>" if header else ""
    return f'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">{head}<s:Body>{content}</s:Body></s:Envelope>'.encode()
