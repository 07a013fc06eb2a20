"""Kinds of columns: what comes over the wire is made fit for any database here, in one place.

A text comes back as it was, whatever it held; what is too long is cut, but never in a key. What a column cannot hold at
all raises ValueError or OverflowError when its record is written, and that record alone is set aside.

SQLite takes anything in any column, and so does a hand that mends a row. Nothing raises when it is read: one row would
keep everybody from what stands beside it. A text is a text then and data are bytes; a number or a time may be anything,
and whoever makes something of the record looks.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Float, Integer, LargeBinary, Text, TypeDecorator

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Dialect

LONGEST_KEY = 1000
"""Bytes of a text that is indexed: two of them fit into a row of an index of PostgreSQL."""
LONGEST = 10_000
"""Characters of any other text."""
LONGEST_LABEL = 80
"""Characters of a text that is indexed and may be cut: in no spelling it has more bytes than a key."""
_MARK = "\ufdd0"
"""Begins a text that is kept in another spelling. It is no character, so that nothing else begins so."""
_FIRST, _LAST = 0.0, 1e12
"""Seconds since 1970: the calendar of a station that reckons from nothing is no reason to keep nothing of it."""
_LARGEST = 2**31 - 1
_WIDEST = 2**63


class Words(TypeDecorator[str]):
    """A text. NUL, which PostgreSQL does not take, and halves of surrogates are kept in another spelling."""

    impl = Text
    cache_ok = True
    longest = LONGEST

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Make a text fit."""
        if value is None or (value.isascii() and "\0" not in value and len(value) <= self.longest):
            return value
        return _fit(value[: self.longest])

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Give the text as it was."""
        if isinstance(value, bytes):
            value = value.decode(errors="surrogateescape")
        return value if value is None or not value.startswith(_MARK) else _as_it_was(value)


class Label(Words):
    """A text that is part of an index, and of no key: what is too long is cut."""

    impl = Text
    cache_ok = True
    longest = LONGEST_LABEL


class Key(Words):
    """A text that is part of a key, or of an index. Raises ValueError when it is too long: it cannot be cut."""

    impl = Text
    cache_ok = True
    longest = LONGEST_KEY

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Make a text fit."""
        if value is None or (value.isascii() and "\0" not in value and len(value) <= self.longest):
            return value
        fit = _fit(value)
        if len(fit.encode()) > LONGEST_KEY:
            raise ValueError(f"a key of more than {LONGEST_KEY} bytes")
        return fit


class Document(TypeDecorator[bytes]):
    """Data, JSON for the most part. A text in its place, as whoever mends a row by hand writes it, is as good."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """Any data fit."""
        return value

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], bytes | None]:
        """Give what reads a value: SQLAlchemy's own raises for what is not binary."""
        return _data


class Connector(TypeDecorator[int]):
    """The number of a connector or EVSE; none when it is larger than any that there is."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        """Make a number fit."""
        return value if value is not None and -_LARGEST <= value <= _LARGEST else None


class Whole(TypeDecorator[int]):
    """A number that something is known by. Raises OverflowError when it is too large: no other may stand for it."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        """See that a number fits."""
        if value is not None and not -_WIDEST <= value < _WIDEST:
            raise OverflowError("a number of more than 64 bits")
        return value


class Moment(TypeDecorator[float]):
    """Seconds since 1970, brought into bounds."""

    impl = Float(53)
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        """Make a time fit; one that is no number is never too old."""
        if value is None or _FIRST <= value <= _LAST:
            return value
        return _FIRST if value < _FIRST else _LAST


class Measure(TypeDecorator[float]):
    """A number that a meter gives; none when it is no number, or larger than any."""

    impl = Float(53)
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        """Make a number fit."""
        return value if value is None or math.isfinite(value) else None


def _fit(text: str) -> str:
    if "\0" not in text and not text.startswith(_MARK) and _is_unicode(text):
        return text
    return _MARK + text.encode("unicode_escape").decode()


def _as_it_was(text: str) -> str:
    return text[len(_MARK) :].encode(errors="surrogateescape").decode("unicode_escape", "replace")


def _data(value: Any) -> bytes | None:
    if isinstance(value, bytes | None):
        return value
    return value.encode(errors="surrogateescape") if isinstance(value, str) else b""


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
