"""Lists of what stands about one station, and what stations are called."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from sqlalchemy import not_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from voltgate.csms.model import Profile, SigningRequest, Station, Token, Variable
from voltgate.csms.ports import Unfit
from voltgate.store.csms import tables
from voltgate.store.csms.listing import Listed, Listing, Order
from voltgate.store.csms.queries import CsmsQueries
from voltgate.store.csms.shapes import shape
from voltgate.store.failures import is_of_the_data, words

_KEYS = {Station: tables.stations.c.key, Token: tables.tokens.c.id}


class StationQueries(CsmsQueries):
    """Reads the database of the management system, with all that stands about a station.

    Everything raises Unfit, too, where something is looked for that no column can hold.
    """

    async def identities(self, keys: Collection[str]) -> dict[str, str]:
        """Return what stations are called, by key; one that is not there any more is called by its key."""
        table = tables.stations.c
        async with self._read() as connection:
            found = await connection.execute(select(table.key, table.identity).where(table.key.in_(keys)))
            return {key: key for key in keys} | {row.key: row.identity for row in found}

    async def networks_of(self, kind: type[Station | Token], keys: Collection[str]) -> dict[str, str]:
        """Return the networks of the stations or tokens with these keys that are there."""
        key, network = _KEYS[kind], shape(kind).table.c.network
        async with self._read() as connection:
            found = await connection.execute(select(key, network).where(key.in_(keys)))
            return dict(found.tuples().all())

    async def list_variables(self, station: str, after: str | None = None, limit: int = 100) -> Listed[Variable]:
        """Return the variables of a station, by component."""
        table = tables.variables.c
        order = Order((table.component, table.variable, table.attribute))
        return await self._part(Listing(shape(Variable), order, ((table.station == station,),)), after, limit)

    async def list_profiles(self, station: str, after: str | None = None, limit: int = 100) -> Listed[Profile]:
        """Return the charging profiles that a station has, by EVSE."""
        table = tables.profiles.c
        order = Order((table.evse, table.profile, table.source))
        return await self._part(
            Listing(shape(Profile), order, ((table.station == station, not_(table.cleared)),)), after, limit
        )

    async def list_signing_requests(
        self, station: str, after: str | None = None, limit: int = 100
    ) -> Listed[SigningRequest]:
        """Return the certificates that a station has asked for, the last one first."""
        table = tables.signing_requests.c
        order = Order((table.number,), backwards=True)
        return await self._part(Listing(shape(SigningRequest), order, ((table.station == station,),)), after, limit)

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection to read with. Raise Unfit where something is looked for that no column can hold."""
        async with super()._read() as connection:
            try:
                yield connection
            except Exception as error:
                if is_of_the_data(error) and not isinstance(error, ValueError):
                    raise Unfit(words(error)) from error
                raise
