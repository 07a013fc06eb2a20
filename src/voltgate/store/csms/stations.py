"""Stations, as an operator makes and changes them, beside what they say of themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import delete

from voltgate.csms.model import Connector, Profile, Report, Reservation, SigningRequest, Station, Variable
from voltgate.store.csms.finding import have_stations
from voltgate.store.csms.links import Link
from voltgate.store.csms.shapes import shape
from voltgate.store.csms.work import Work
from voltgate.store.csms.writing import write_rows

OPERATORS = frozenset({"network", "name", "location", "registration", "validation"})
"""The fields that are an operator's to change; a station says the others of itself."""

_AT_ONCE = 500
"""Stations that are written with one commit."""


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
        """Delete a station and what it has, but for its transactions, meter values, statuses and notes.

        Return whether it was there. One that connects again is made again.
        """
        async with self._work.writing() as connection:
            deleted = await connection.execute(delete(shape(Station).table).filter_by(key=key))
            for kind in (Connector, Variable, Report, Reservation, Profile, SigningRequest):
                await connection.execute(delete(shape(kind).table).filter_by(station=key))
            return deleted.rowcount > 0


def _see_that_all_are_known(values: Iterable[str]) -> None:
    unknown = set(values) - OPERATORS
    if unknown:
        raise ValueError(f"these are not an operator's to change: {', '.join(sorted(unknown))}")
