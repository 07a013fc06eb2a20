"""How rows of the model are written and read: as tuples, a column at a time.

Every call of every station comes this way: what SQLAlchemy's types do for each value is done here for a column at once,
and a text that is plain, as nearly all are, costs a look. What its types make fit, fits here as well.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import fields
from hashlib import blake2b
from operator import attrgetter
from typing import Any, Generic, TypeVar

from sqlalchemy import Boolean, Column, Table, TypeDecorator
from sqlalchemy.dialects import postgresql

from voltgate.csms.model import MeterValue, Note, Profile, StatusChange, Transaction, Variable
from voltgate.csms.ports import Unfit
from voltgate.store.columns import LONGEST_LABEL, Document, Words
from voltgate.store.csms.tables import TABLES

R = TypeVar("R")

Columns = list[list[Any]]
"""The values of some rows, by column."""
Fit = Callable[[Sequence[Any]], list[Any]]
"""Makes values of a column fit. Raises what the types of columns raise."""

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # the types ask for one, and do not look at it


def _digest(*parts: object) -> int:
    data = "\n".join(map(str, parts)).encode(errors="surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8).digest(), signed=True)


def token_id(token: str) -> str:
    """Return what a token is looked for by: its beginning, casefolded, which is never too long for a key."""
    return token.casefold()[:LONGEST_LABEL]


_COMPUTED: dict[Any, Callable[[Any], tuple[Any, ...]]] = {
    Transaction: lambda row: (token_id(row.token),),
    MeterValue: lambda row: (_digest(row.evse, row.data),),
    StatusChange: lambda row: (
        _digest(row.evse, row.connector, row.status, row.error_code, row.info, row.vendor_error),
    ),
    Note: lambda row: (_digest(row.about, row.data),),
}
"""What stands in the columns of the database's own."""

APPENDED = frozenset({StatusChange, MeterValue, Note})
"""What is never changed: the same again is nothing new."""
DATED = frozenset({Variable, Profile})
"""What stations report again and again: what is older, by its `at`, takes the place of nothing."""


class Shape(Generic[R]):
    """The rows of one class."""

    def __init__(self, kind: type[R], table: Table) -> None:
        self.kind = kind
        self.table = table
        self.names = [column.name for column in table.columns]
        """All columns, in the order in which rows are written."""
        self.own = [field.name for field in fields(kind)]  # type: ignore[arg-type]
        """The columns of the model, in the order in which rows are read."""
        self.columns = [table.columns[name] for name in self.own]
        self.keys = [column.name for column in table.primary_key.columns]
        self._values = attrgetter(*self.own)
        self._computed = _COMPUTED.get(kind, lambda row: ())
        self._fitting = [_fitting(column) for column in table.columns]
        self._given = [_given(column) for column in self.columns]
        self.key = attrgetter(*self.keys) if set(self.keys) <= set(self.own) else id

    def written(self, rows: Iterable[R]) -> Columns:
        """Return the columns of rows. Raise Unfit when a column cannot hold a value."""
        values = [self._values(row) + self._computed(row) for row in rows]
        try:
            return _by_column(self._fitting, values)
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            raise Unfit(f"a row of {self.table.name}: {error}") from error

    def looked_for(self, names: Sequence[str], values: Collection[Any]) -> Columns:
        """Return the columns of what is looked for, without what no row can have; [] if that is nothing.

        `values` are values of the one column that is named, or tuples of those of several.
        """
        fitting = [self._fitting[self.names.index(name)] for name in names]
        rows = list(values) if len(names) > 1 else [(value,) for value in values]
        try:
            return _by_column(fitting, rows)
        except (ValueError, OverflowError):
            return _by_column(fitting, [row for row in rows if _is_fit(fitting, row)])

    def read(self, rows: Sequence[Sequence[Any]]) -> list[R]:
        """Return what stands in rows of the model's columns."""
        if not rows:
            return []
        columns = [give(column) for give, column in zip(self._given, zip(*rows, strict=True), strict=True)]
        return [self.kind(*row) for row in zip(*columns, strict=True)]


def _by_column(fitting: Sequence[Fit], rows: Sequence[Sequence[Any]]) -> Columns:
    """Return the columns of rows, made to fit; [] if there are no rows."""
    return [fit(column) for fit, column in zip(fitting, zip(*rows, strict=True), strict=bool(rows))]


def _is_fit(fitting: Sequence[Fit], row: Sequence[Any]) -> bool:
    try:
        _by_column(fitting, [row])
    except (ValueError, OverflowError):
        return False
    return True


def _is_plain(values: Sequence[Any]) -> bool:
    """Return whether all values are texts that every database takes as they are; looked at as one, for speed."""
    try:
        together = "".join(values)
    except TypeError:
        return False
    return together.isascii() and "\0" not in together


def _fitting(column: Column[Any]) -> Fit:
    """Return what makes values of a column fit."""
    kind = column.type
    if isinstance(kind, Document):
        return lambda values: [v if v is None else _as_data(v) for v in values]
    if not isinstance(kind, TypeDecorator):
        return list
    fit = kind.process_bind_param
    if not isinstance(kind, Words):
        return lambda values: [v if v is None else fit(v, _DIALECT) for v in values]
    longest = kind.longest

    def fit_texts(values: Sequence[Any]) -> list[Any]:
        if _is_plain(values) and max(map(len, values), default=0) <= longest:
            return list(values)
        return [
            v if v is None or (len(v) <= longest and v.isascii() and "\0" not in v) else fit(v, _DIALECT)
            for v in values
        ]

    return fit_texts


def _as_data(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"data are bytes, not {type(value).__name__}")
    return value


def _given(column: Column[Any]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """Return what gives values of a column as they were."""
    kind = column.type
    if isinstance(kind, Words):

        def texts(values: Sequence[Any]) -> Sequence[Any]:
            if _is_plain(values):
                return values
            return [
                v if v is None or (type(v) is str and v.isascii()) else kind.process_result_value(v, _DIALECT)
                for v in values
            ]

        return texts
    if isinstance(kind, Document):
        data = kind.result_processor(_DIALECT, None)
        return lambda values: [v if type(v) is bytes else data(v) for v in values]
    if isinstance(kind, Boolean):
        return lambda values: [bool(value) for value in values]
    return lambda values: values


_SHAPES: dict[Any, Shape[Any]] = {kind: Shape(kind, table) for kind, table in TABLES.items()}


def shape(kind: type[R]) -> Shape[R]:
    """Return the shape of a class."""
    return _SHAPES[kind]
