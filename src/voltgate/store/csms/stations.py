"""Stations, as an operator makes and changes them, beside what they say of themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, not_, select, tuple_, update

from voltgate.csms.model import (
    Connector,
    MeterValue,
    Note,
    Profile,
    Report,
    Reservation,
    SigningRequest,
    Station,
    StatusChange,
    Variable,
)
from voltgate.store.csms.finding import have_stations
from voltgate.store.csms.links import Link
from voltgate.store.csms.shapes import shape
from voltgate.store.csms.tables import job_items, transactions
from voltgate.store.csms.work import Work
from voltgate.store.csms.writing import write_rows

OPERATORS = frozenset({"network", "name", "location", "registration", "validation"})
"""The fields that are an operator's to change; a station says the others of itself."""

_AT_ONCE = 500
"""Rows that are written, or deleted, with one commit."""
_TOLD = (
    Connector,
    MeterValue,
    Note,
    Profile,
    Report,
    Reservation,
    SigningRequest,
    StatusChange,
    Variable,
)
"""What goes with a station."""
_DELETED = "/deleted"
"""Stands behind the key of a station that was deleted: no identity has a slash."""


class Stations:
    """Changes stations, by key. Everything raises StoreAway; Unfit for a key or a network that is too long."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def create(self, station: Station) -> bool:
        """Make a station, unless there is one of that key; return whether there was none."""
        return await self._work.create(station)

    async def change(self, key: str, /, **values: Any) -> Station | None:
        """Change an operator's fields of a station; return it as it is then, None if there is none."""
        _see_that_all_are_known(values)
        return await self._work.change(Station, {"key": key}, values)

    async def put(self, stations: Mapping[str, str], fields: Mapping[str, Mapping[str, Any]]) -> int:
        """Make stations (identities by key) that are not there, and change fields of each, by key; return how many.

        Many are written with one commit. What was written before an exception stays: the same again does no harm.
        """
        for values in fields.values():
            _see_that_all_are_known(values)
        left, done = iter(sorted(stations.items())), 0
        while few := dict(islice(left, _AT_ONCE)):

            async def write(link: Link, few: dict[str, str] = few) -> None:
                found = await have_stations(link, few)
                for key, station in found.items():
                    for name, value in fields.get(key, {}).items():
                        setattr(station, name, value)
                await write_rows(link, found.values())

            await self._work.transact(write)
            done += len(few)
        return done

    async def delete(self, key: str) -> bool:
        """Delete a station and all that it has told and was told, but for its transactions with their meter values.

        Whoever makes a station of that key finds none of it, in whatever network. What it was told by jobs stays, as of
        a station that nobody can make. Return whether it was there. One that connects again is made again.
        """
        for kind in _TOLD:
            await self._delete_some(kind, key)
        async with self._work.writing() as connection:
            deleted = await connection.execute(delete(shape(Station).table).filter_by(key=key))
            for kind in _TOLD:
                await connection.execute(delete(shape(kind).table).where(*_of(kind, key)))
            named = job_items.c.station
            await connection.execute(update(job_items).where(named == key).values(station=key + _DELETED))
            return deleted.rowcount > 0

    async def _delete_some(self, kind: type[Any], key: str) -> None:
        """Delete what is there of a kind, a little at a time: a year of notes keeps nobody waiting."""
        table = shape(kind).table
        names = list(table.primary_key.columns)
        these = delete(table).where(tuple_(*names).in_(select(*names).where(*_of(kind, key)).limit(_AT_ONCE)))
        while True:
            async with self._work.writing() as connection:
                if (await connection.execute(these)).rowcount < _AT_ONCE:
                    return


def _of(kind: type[Any], key: str) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of what is deleted with a station: of meter values, those of no transaction."""
    table = shape(kind).table.c
    if kind is not MeterValue:
        return (table.station == key,)
    kept = exists().where(transactions.c.station == key, transactions.c.ref == table.ref)
    return table.station == key, not_(kept)


def _see_that_all_are_known(values: Iterable[str]) -> None:
    unknown = set(values) - OPERATORS
    if unknown:
        raise ValueError(f"these are not an operator's to change: {', '.join(sorted(unknown))}")
