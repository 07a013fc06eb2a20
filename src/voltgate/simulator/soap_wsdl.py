"""A check of SOAP bodies against the WSDL, which is stricter than the codec.

The codec accepts any order, any namespace and invalid numbers, because stations send such; for a far end that does so
to a simulated station they are counted as faults. Source: the WSDLs of 1.2, 1.5 and 1.6 (xsd:sequence, qualified).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from voltgate.ocpp.soap.fields import SHAPES, Field, Shape
from voltgate.ocpp.soap.names import NIL

if TYPE_CHECKING:
    from lxml.etree import _Element

    from voltgate.ocpp.soap.envelope import Envelope

_PLAIN = {
    "int": re.compile(r"\s*[+-]?\d+\s*", re.ASCII),
    "decimal": re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)\s*", re.ASCII),
    "bool": re.compile(r"\s*(true|false|1|0)\s*"),
    "time": re.compile(r"\s*-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?\s*", re.ASCII),
}
"""The lexical form of the WSDLs' simple types."""


def flaw(envelope: Envelope) -> str | None:
    """Return how a request's or response's body violates the WSDL; None when it does not."""
    name = f"{envelope.operation}{envelope.kind.capitalize()}"
    body = envelope.body
    namespace = body.tag[: body.tag.index("}") + 1]
    return _flaw_of(body, SHAPES[envelope.version][name], namespace)


def _flaw_of(element: _Element, shape: Shape, namespace: str) -> str | None:
    """Check the elements of a type: each in its position, none unknown, none missing."""
    position = 0
    for child in element:
        found = _position_of(child.tag, shape, namespace)
        if isinstance(found, str):
            return found
        if found < position:
            return f"{_name(child.tag)} is out of order"
        missing = next((field.name for field in shape.fields[position:found] if field.required), None)
        if missing is not None and missing not in _names(element):
            return f"{missing} is missing"
        field = shape.fields[found]
        position = found if field.many else found + 1
        wrong = _wrong_content(child, field, namespace)
        if wrong is not None:
            return wrong
    missing = next((field.name for field in shape.fields[position:] if field.required), None)
    return None if missing is None or missing in _names(element) else f"{missing} is missing"


def _position_of(tag: str, shape: Shape, namespace: str) -> int | str:
    for position, field in enumerate(shape.fields):
        if tag == f"{namespace}{field.name}":
            return position
    known = _name(tag) in shape.by_name
    return f"{_name(tag)} is not in the body's namespace" if known else f"there is no {_name(tag)[:50]} here"


def _wrong_content(element: _Element, field: Field, namespace: str) -> str | None:
    if element.get(NIL) in {"true", "1"}:
        return f"{field.name} is nil"
    if field.shape is not None and field.shape.text is None:
        return _flaw_of(element, field.shape, namespace)
    text = element.text or ""
    if field.sort == "words":
        return None if text.strip() in field.words else f"{field.name} has no {text[:50]!r}"
    plain = _PLAIN.get(field.sort)
    return None if plain is None or plain.fullmatch(text) else f"{field.name} is not a {field.sort}"


def _names(element: _Element) -> set[str]:
    return {_name(child.tag) for child in element}


def _name(tag: str) -> str:
    return tag.rpartition("}")[2]
