"""The content of operations as a pattern of bytes: what is well-formed and unambiguous as it stands."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TypeAlias

from voltgate.ocpp.soap.fields import SHAPES, Field, Shape
from voltgate.ocpp.soap.names import Version

Fits: TypeAlias = Callable[[bytes], object | None]
"""Tells of the prefix of elements, with its colon, `BEHIND` and the content whether they fit; None if not."""

BEHIND = b"\0"
"""Ends the prefix, which is ours to say: what stands in no XML, so that content cannot bring a prefix of its own."""

_GAP = r"[\t\n\r ]*+"
_TEXT = r"[\t\n -%'-;=?-~]*+"
"""ASCII without what has a meaning in XML, or is not allowed in it."""
_QUOTED = r"[ !#-%'-;=?-~]*+"

nothing: Fits = re.compile(b"").fullmatch
"""Takes the content of an empty-element tag: none."""


@cache
def fits(version: Version, body: str) -> Fits:
    """Return the pattern of a body's content; `body` is the name of its type.

    It takes the elements of the WSDL in their order, each at most as often as it may stand there, all with the same
    prefix or all without, and blanks between them; texts of plain ASCII, without references; attributes only where the
    WSDL has them, in its order. That is what stacks write. Anything else is for the parser, also what is right in it.
    """
    return re.compile(rf"([\w.-]+:|)\0{_GAP}{_inside(SHAPES[version][body])}".encode()).fullmatch


def _inside(shape: Shape) -> str:
    return "".join(f"(?:{_element(field)}{_GAP}){'*' if field.many else '?'}+" for field in shape.fields)


def _element(field: Field) -> str:
    """Return the pattern of one element: group 1 is the prefix."""
    tag, shape = rf"\1{field.name}", field.shape
    if shape is not None and shape.text is None:
        return f"<{tag}>{_GAP}{_inside(shape)}</{tag}>"
    attributes = "" if shape is None else "".join(f'(?: {one.name}="{_QUOTED}")?+' for one in shape.attributes)
    return f"<{tag}{attributes}(?:/>|>{_TEXT}</{tag}>)"
