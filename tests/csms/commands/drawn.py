"""Parameters of commands, drawn from their own types: what is valid by its bounds is what an operator may say."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import msgspec
import msgspec.inspect as kinds
from hypothesis import strategies as st

from voltgate.csms.commands.parameters import Parameters

_TEXT = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn"])
_PATTERNS = {"://": st.sampled_from(["https://a.example/f.bin", "ftp://me:you@a.example:21/logs?x=%20"])}
_MOST = 4
"""Items of a list: bounds of lists have tests of their own."""


def parameters(command: type[Parameters]) -> st.SearchStrategy[Parameters]:
    """Draw parameters of a command, as `table.parameters` reads them."""
    return _struct(kinds.type_info(command)).map(lambda fields: msgspec.convert(fields, command))


def _struct(kind: Any) -> st.SearchStrategy[dict[str, Any]]:
    needed = {field.encode_name: drawn(field.type) for field in kind.fields if field.required}
    optional = {field.encode_name: drawn(field.type) for field in kind.fields if not field.required}
    return st.fixed_dictionaries(needed, optional=optional)


def drawn(kind: Any) -> st.SearchStrategy[Any]:
    """Draw a value of a type of msgspec."""
    match kind:
        case kinds.Metadata():
            return drawn(kind.type)
        case kinds.StructType():
            return _struct(kind)
        case kinds.UnionType():
            return st.one_of(*map(drawn, kind.types))
        case kinds.VarTupleType():
            most = min(kind.max_length or _MOST, _MOST)
            return st.lists(drawn(kind.item_type), min_size=kind.min_length or 0, max_size=most)
        case kinds.LiteralType():
            return st.sampled_from(kind.values)
        case kinds.IntType():
            return st.integers(kind.ge, kind.le)
        case kinds.FloatType():
            return st.floats(kind.ge, kind.le, allow_nan=False, allow_infinity=False)
        case kinds.BoolType():
            return st.booleans()
        case kinds.NoneType():
            return st.none()
        case kinds.DateTimeType():
            return st.datetimes(timezones=st.just(UTC)).map(lambda at: at.isoformat())
        case kinds.AnyType():
            return st.one_of(st.none(), st.text(_TEXT), st.dictionaries(st.text(_TEXT, max_size=3), st.integers(0, 9)))
        case kinds.StrType():
            return _string(kind)
    raise NotImplementedError(kind)


def _string(kind: Any) -> st.SearchStrategy[str]:
    for sign, strings in _PATTERNS.items():
        if kind.pattern and sign in kind.pattern:
            return strings
    if kind.pattern:
        return st.from_regex(kind.pattern, fullmatch=True)
    return st.text(_TEXT, min_size=kind.min_length or 0, max_size=min(kind.max_length or 40, 300))
