"""The shapes of bodies: the elements of each type, their order, and their names in OCPP-J 1.6."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from voltgate.ocpp.soap.differences import READ, RENAMED, WRITTEN
from voltgate.ocpp.soap.tables import TYPES, WORDS

Sort: TypeAlias = Literal["string", "int", "decimal", "bool", "time", "words", "shape"]

_SIMPLE: dict[str, Sort] = {"": "string", "int": "int", "decimal": "decimal", "bool": "bool", "time": "time"}
_WORD = re.compile(r"([=@]?)(\w+)([?*+]?):?(\w*)")


@dataclass(frozen=True, slots=True)
class Field:
    """One element or attribute.

    `name` is its name in XML, `key` that in the payload, `sort` the kind of its content, with its `shape` or the
    `words` of its enumeration. `read` maps words to those of 1.6, `written` words of 1.6 to those of this version; a
    field that maps to None is left out.
    """

    name: str
    key: str
    sort: Sort
    required: bool
    many: bool
    shape: Shape | None = None
    words: frozenset[str] = frozenset()
    read: Mapping[str, str] = field(default_factory=dict)
    written: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shape:
    """A type with elements, or one with a text and attributes (`text` is then the field of the text)."""

    fields: tuple[Field, ...]
    attributes: tuple[Field, ...] = ()
    text: Field | None = None
    by_name: Mapping[str, Field] = field(init=False)
    lists: tuple[str, ...] = field(init=False)
    """The keys of the required lists: a payload has them even when they are empty."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {field.name: field for field in self.fields})
        object.__setattr__(self, "lists", tuple(f.key for f in self.fields if f.many and f.required))


def _shapes(version: str) -> dict[str, Shape]:
    """Return every type of a version by its name."""
    built: dict[str, Shape] = {}
    for name in TYPES[version]:
        _shape(version, name, built)
    return built


def _shape(version: str, name: str, built: dict[str, Shape]) -> Shape:
    if name not in built:
        elements: list[Field] = []
        attributes: list[Field] = []
        text = None
        for mark, one in (_field(version, name, word, built) for word in TYPES[version][name].split()):
            if mark == "=":
                text = one
            else:
                (attributes if mark == "@" else elements).append(one)
        built[name] = Shape(tuple(elements), tuple(attributes), text)
    return built[name]


def _field(version: str, owner: str, word: str, built: dict[str, Shape]) -> tuple[str, Field]:
    mark, name, times, kind = _WORD.findall(word)[0]
    key = RENAMED[version].get(f"{owner}.{name}", name)
    required, many = times in {"", "+"} and mark != "@", times in {"*", "+"}
    if kind in TYPES[version]:
        return mark, Field(name, key, "shape", required, many, _shape(version, kind, built))
    if kind in WORDS[version]:
        words = frozenset(WORDS[version][kind].split())
        read, written = READ[version].get(kind, {}), WRITTEN[version].get(kind, {})
        return mark, Field(name, key, "words", required, many, None, words, read, written)
    return mark, Field(name, key, _SIMPLE[kind], required, many)


SHAPES: dict[str, dict[str, Shape]] = {version: _shapes(version) for version in TYPES}
"""By version, the shapes by the names of their types; those of bodies are `<operation>Request` and `…Response`."""
