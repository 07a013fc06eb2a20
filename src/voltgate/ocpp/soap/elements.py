"""Conversion of a body's elements to the dictionaries of a payload and back, by the shape of the body.

Reading is lenient: elements in any order and namespace, unknown elements are ignored, an invalid number is kept as its
text, so that the receiver can complain. What is ambiguous is refused: an element twice that may occur once, and an
element inside a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any

from voltgate.ocpp.soap.fields import Field, Shape, Sort
from voltgate.ocpp.soap.names import NIL
from voltgate.ocpp.soap.unfit import NoWord, Unfit

if TYPE_CHECKING:
    from lxml.etree import _Element

_is_number = re.compile(r"[+-]?\d{1,18}(?:\.\d{1,18})?", re.ASCII).fullmatch
_is_whole = re.compile(r"\s*([+-]?\d+)(?:\.0*)?\s*", re.ASCII).fullmatch
_EXACT = 2**53
"""Below it a float holds every integer."""
_SPECIAL = re.compile("[^\t\n\x20-\x25\x27-\x3b=\x3f-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot hold, and those that have a meaning in it."""
_special = _SPECIAL.search
_REFERENCES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_IN_QUOTES = str.maketrans({'"': "&quot;", "\t": "&#9;", "\n": "&#10;"})
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}

Payload = dict[str, Any]


def read(element: _Element, shape: Shape, path: str = "") -> Payload:
    """Return the payload of an element of a shape. Raise Unfit."""
    found: Payload = {}
    by_name = shape.by_name
    cut = element.tag.rindex("}") + 1 if element.tag[0] == "{" else 0
    for child in element:
        tag = child.tag
        field = by_name.get(tag[cut:]) or by_name.get(tag.rpartition("}")[2])
        if field is None:
            continue
        value = _value(child, field, path)
        if value is None:
            continue
        key = field.key
        if field.many:
            found.setdefault(key, []).append(value)
        elif key in found:
            raise Unfit("OccurrenceConstraintViolation", "The element stands more than once", f"{path}/{key}")
        else:
            found[key] = value
    for key in shape.lists:
        found.setdefault(key, [])
    return found


def _value(element: _Element, field: Field, path: str) -> Any:
    """Return the value of an element; None if it has none: nil, or an empty number, date or word."""
    shape = field.shape
    if shape is not None:
        return _shaped(element, shape, f"{path}/{field.key}")
    if len(element):
        raise _divided(path, field)
    text = element.text
    sort = field.sort
    if sort == "string":
        return text or _nothing(element)
    text = text.strip() if text else ""
    if not text:
        return None
    if sort == "words":
        return field.read.get(text, text)
    if sort in {"int", "decimal"}:
        return _number(text)
    return _TRUTHS.get(text.lower(), text) if sort == "bool" else text


def _shaped(element: _Element, shape: Shape, path: str) -> Payload | None:
    if len(element) == 0 and _nothing(element) is None:
        return None
    return read(element, shape, path) if shape.text is None else _attributed(element, shape, shape.text, path)


def _nothing(element: _Element) -> str | None:
    """Return the value of an element without text: None for nil, else ""."""
    return None if element.get(NIL) in {"true", "1"} else ""


def _divided(path: str, field: Field) -> Unfit:
    return Unfit("FormatViolation", "There are elements where a text belongs", f"{path}/{field.key}")


def _number(text: str) -> int | float | str:
    """Return a number in any form that stations write ("007", "+5", "12345.0"); anything else as its text."""
    if not _is_number(text):
        return text
    whole, _, fraction = text.partition(".")
    return float(text) if fraction.strip("0") else int(whole)


def _attributed(element: _Element, shape: Shape, text: Field, path: str) -> Payload:
    if len(element):
        raise _divided(path, text)
    found: Payload = {text.key: element.text or ""}
    for field in shape.attributes:
        value = element.get(field.name)
        if value is not None and (word := value.strip()):
            found[field.key] = field.read.get(word, word)
    return found


def write(payload: Payload, shape: Shape, strict: bool) -> str:
    """Return the elements of a payload in the order of its shape.

    Fields that the shape lacks are left out. Raise NoWord for a word that the version lacks if `strict`; otherwise it
    is written as it is. Raise Unfit for a payload that does not have the shape.
    """
    parts: list[str] = []
    _elements(parts, payload, shape, strict, "")
    return "".join(parts)


def _elements(parts: list[str], payload: Payload, shape: Shape, strict: bool, path: str) -> None:
    for field in shape.fields:
        value = payload.get(field.key)
        if value is None:
            continue
        if not field.many:
            _element(parts, value, field, strict, path)
        elif isinstance(value, list):
            for one in value:
                _element(parts, one, field, strict, path)
        else:
            raise Unfit("TypeConstraintViolation", "The value is not an array", f"{path}/{field.key}")


def _element(parts: list[str], value: Any, field: Field, strict: bool, path: str) -> None:
    name, shape = field.name, field.shape
    if shape is None:
        text = _written(value, field, strict, path)
        if text is not None:
            parts.append(f"<{name}>{text}</{name}>")
        return
    below = f"{path}/{field.key}"
    if not isinstance(value, dict):
        raise Unfit("TypeConstraintViolation", "The value is not an object", below)
    if shape.text is not None:
        parts.append(_with_attributes(name, value, shape, shape.text, strict, below))
        return
    parts.append(f"<{name}>")
    _elements(parts, value, shape, strict, below)
    parts.append(f"</{name}>")


def _with_attributes(name: str, value: Payload, shape: Shape, text: Field, strict: bool, path: str) -> str:
    attributes = ""
    for field in shape.attributes:
        word = value.get(field.key)
        written = None if word is None else _written(word, field, strict, path)
        if written is not None:
            attributes += f' {field.name}="{written.translate(_IN_QUOTES)}"'
    content = escaped(_as_text(value.get(text.key, ""), text, path))
    return f"<{name}{attributes}>{content}</{name}>"


def _written(value: Any, field: Field, strict: bool, path: str) -> str | None:
    """Return the text of a value; None for an empty one where there are no empty texts, as in reading."""
    if field.sort != "string" and isinstance(value, str) and not value.strip():
        return None
    text = _as_text(value, field, path)
    if field.sort == "words":
        if text in field.written:
            return field.written[text]
        if strict and text not in field.words:
            raise NoWord(f"{field.key} {text[:50]}")
    return escaped(text)


def _as_text(value: Any, field: Field, path: str) -> str:
    text = _LEXICAL.get(field.sort, _text)(value)
    if text is None:
        raise Unfit("TypeConstraintViolation", f"The value is not {_CALLED[field.sort]}", f"{path}/{field.key}")
    return text


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    return _truth(value) if isinstance(value, bool) else _decimal(value)


def _integer(value: Any) -> str | None:
    """Return an integer as XML has it; None for a fraction, and for a float that may have lost digits."""
    if isinstance(value, str):
        found = _is_whole(value)
        return None if found is None else found[1]
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT else None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _decimal(value: Any) -> str | None:
    """Return a number without exponent: XML's decimals have none."""
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f") if isfinite(value) else None
    if isinstance(value, str):
        return value.strip() if _is_number(value.strip()) else None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _truth(value: Any) -> str | None:
    known = _TRUTHS.get(str(value).strip().lower())
    return None if known is None else str(known).lower()


def _time(value: Any) -> str | None:
    return value if isinstance(value, str) else None


_LEXICAL: dict[Sort, Callable[[Any], str | None]] = {
    "int": _integer, "decimal": _decimal, "bool": _truth, "time": _time, "words": _time
}  # fmt: skip
"""How the values of each sort are written; None for one that is none."""
_CALLED: dict[Sort, str] = {
    "int": "an integer", "decimal": "a decimal number", "bool": "true or false", "time": "a time", "words": "a word",
    "string": "a text or number",
}  # fmt: skip


def escaped(text: str) -> str:
    """Return a text escaped for XML; a character that XML cannot hold becomes U+FFFD."""
    if _special(text) is None:
        return text
    return _SPECIAL.sub(lambda found: _REFERENCES.get(found[0], "�"), text)
