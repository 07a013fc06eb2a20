"""What people ask of the management system: lists, series and totals, read beside the rounds and waited for by none.

A list is filtered, sorted by one column, and read a part at a time. Everything raises StoreAway when the database does
not answer in time, and ValueError for a cursor that is none.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from sqlalchemy import Column, ColumnElement, and_, case, func, not_, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from voltgate.csms.model import (
    EXPIRED,
    OPEN,
    Connector,
    MeterValue,
    Network,
    Note,
    Reservation,
    Station,
    StatusChange,
    Token,
    Transaction,
)
from voltgate.ocpp.folding import fold
from voltgate.store.address import SQLITE
from voltgate.store.csms import tables
from voltgate.store.csms.listing import Listed, Listing, Order
from voltgate.store.csms.shapes import shape, token_id
from voltgate.store.database import Database
from voltgate.store.reach import Reach

R = TypeVar("R")

_READERS = 3
"""Reads at a time: rounds need connections too."""


@dataclass(frozen=True, slots=True)
class TransactionFilter:
    """Which transactions are asked for; None: any. A time is from the first one on, and before the second one.

    `token` is compared casefolded. `text` is what the station, the token or the transaction is called, exactly.
    """

    station: str | None = None
    network: str | None = None
    token: str | None = None
    evse: int | None = None
    state: Literal["running", "ended"] | None = None
    began_from: float | None = None
    began_to: float | None = None
    ended_from: float | None = None
    ended_to: float | None = None
    estimated: bool | None = None
    text: str | None = None
    networks: Collection[str] | None = None
    """The only ones that whoever asks may see."""


TransactionSort = Literal["began", "ended"]


@dataclass(frozen=True, slots=True)
class Total:
    """What some transactions come to, in one currency; "" for those that cost nothing known."""

    currency: str
    transactions: int
    energy: float
    """Wh."""
    cost: int
    """In the currency's minor unit."""
    seconds: float
    """From the beginning to the end, of those that have both; nothing for a clock that was set back meanwhile."""


@dataclass(frozen=True, slots=True)
class StationFilter:
    """Which stations are asked for; None: any.

    `text` is part of what the station is called or is. `match` is what its key looks like: `*` in it stands for any
    characters, `?` for one.
    """

    network: str | None = None
    connected: bool | None = None
    registration: str | None = None
    version: str | None = None
    text: str | None = None
    networks: Collection[str] | None = None
    match: str | None = None


@dataclass(frozen=True, slots=True)
class ConnectorFilter:
    """Which connectors are asked for; None: any."""

    station: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class TokenFilter:
    """Which tokens are asked for; None: any. `text` is part of the token or of its holder's name."""

    group: str | None = None
    network: str | None = None
    status: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class ReservationFilter:
    """Which reservations are asked for; None: any. `network` is the one that the station is in now.

    `status` is what has become of them by the time `now`.
    """

    station: str | None = None
    status: str | None = None
    network: str | None = None
    now: float = 0.0


@dataclass(frozen=True, slots=True)
class NoteFilter:
    """Which notes are asked for; None: any. Times are when they came."""

    station: str | None = None
    kind: str | None = None
    since: float | None = None
    until: float | None = None
    about: str | None = None


class CsmsQueries:
    """Reads the database of the management system. Lists give up to `limit` rows that come `after` a cursor."""

    def __init__(self, database: Database) -> None:
        self._reach = Reach(database.there, database.patience)
        self._gate = asyncio.Semaphore(_READERS)

    async def list_transactions(
        self,
        wanted: TransactionFilter,
        sort: TransactionSort = "began",
        after: str | None = None,
        limit: int = 100,
        *,
        backwards: bool = True,
    ) -> Listed[Transaction]:
        """Return transactions, the newest first unless not `backwards`."""
        table = tables.transactions.c
        columns = [table[sort], table.ref] if wanted.station is not None else [table[sort], table.station, table.ref]
        order = Order(tuple(columns), backwards)
        return await self._part(Listing(shape(Transaction), order, _transactions(wanted)), after, limit)

    async def total_transactions(self, wanted: TransactionFilter) -> list[Total]:
        """Return what transactions come to, by currency."""
        table = tables.transactions.c
        seconds = case((table.ended > table.began, table.ended - table.began))
        sums = func.sum(table.energy), func.sum(table.cost), func.sum(seconds)
        groups = or_(*(and_(true(), *group) for group in _transactions(wanted)))
        asked = select(table.currency, func.count(), *sums).where(groups).group_by(table.currency)
        async with self._read() as connection:
            found = await connection.execute(asked.order_by(table.currency))
            return [Total(row[0], row[1], row[2] or 0.0, int(row[3] or 0), row[4] or 0.0) for row in found]

    async def transaction(self, station: str, ref: str) -> Transaction | None:
        """Return a transaction."""
        return await self._one(Transaction, station=station, ref=ref)

    async def list_meter_values(
        self, station: str, ref: str, after: str | None = None, limit: int = 1000
    ) -> Listed[MeterValue]:
        """Return the meter values of a transaction (`ref` "": those of none), the oldest first."""
        table = tables.meter_values.c
        order = Order((table.at, table.digest))
        listing = Listing(shape(MeterValue), order, ((table.station == station, table.ref == ref),))
        return await self._part(listing, after, limit)

    async def list_stations(self, wanted: StationFilter, after: str | None = None, limit: int = 100) -> Listed[Station]:
        """Return stations, by their keys."""
        listing = Listing(shape(Station), Order((tables.stations.c.key,)), (self._stations(wanted),))
        return await self._part(listing, after, limit)

    async def keys_of_stations(self, wanted: StationFilter, most: int) -> list[str]:
        """Return the keys of so many stations at most, in order."""
        key = tables.stations.c.key
        async with self._read() as connection:
            these = select(key).where(*self._stations(wanted)).order_by(key).limit(most)
            return list((await connection.execute(these)).scalars())

    async def station(self, key: str) -> Station | None:
        """Return a station."""
        return await self._one(Station, key=key)

    async def count_stations(self) -> dict[str, tuple[int, int]]:
        """Return how many stations each network has, and how many of them are connected."""
        table = tables.stations.c
        connected = func.count().filter(table.connected)
        async with self._read() as connection:
            found = await connection.execute(select(table.network, func.count(), connected).group_by(table.network))
            return {network: (stations, there) for network, stations, there in found}

    async def connectors_of(self, stations: Collection[str]) -> list[Connector]:
        """Return the connectors of some stations, EVSEs and the stations themselves included, in order."""
        table = tables.connectors
        these = select(table).where(table.c.station.in_(stations))
        async with self._read() as connection:
            found = await connection.execute(these.order_by(*table.primary_key.columns))
            return [Connector(*row) for row in found]

    async def list_connectors(
        self, wanted: ConnectorFilter, after: str | None = None, limit: int = 100
    ) -> Listed[Connector]:
        """Return connectors, by station."""
        table = tables.connectors.c
        conditions = _equal({table.station: wanted.station, table.status: wanted.status})
        order = Order((table.station, table.evse, table.connector))
        return await self._part(Listing(shape(Connector), order, (conditions,)), after, limit)

    async def list_status_changes(
        self, station: str, after: str | None = None, limit: int = 100, *, evse: int | None = None
    ) -> Listed[StatusChange]:
        """Return what a station has reported, the newest first."""
        table = tables.status_changes.c
        conditions = _equal({table.station: station, table.evse: evse})
        order = Order((table.at, table.digest), backwards=True)
        return await self._part(Listing(shape(StatusChange), order, (conditions,)), after, limit)

    async def list_tokens(self, wanted: TokenFilter, after: str | None = None, limit: int = 100) -> Listed[Token]:
        """Return tokens, by their ids."""
        table = tables.tokens.c
        equal = {table.group: wanted.group, table.network: wanted.network, table.status: wanted.status}
        conditions = _equal(equal) + _has(wanted.text, table.id, table.holder)
        return await self._part(Listing(shape(Token), Order((table.id,)), (conditions,)), after, limit)

    async def token(self, text: str) -> Token | None:
        """Return a token."""
        return await self._one(Token, id=text.casefold())

    async def list_networks(self, after: str | None = None, limit: int = 100) -> Listed[Network]:
        """Return networks, by their ids."""
        return await self._part(Listing(shape(Network), Order((tables.networks.c.id,))), after, limit)

    async def network(self, name: str) -> Network | None:
        """Return a network."""
        return await self._one(Network, id=name)

    async def list_reservations(
        self, wanted: ReservationFilter, after: str | None = None, limit: int = 100
    ) -> Listed[Reservation]:
        """Return reservations, the newest first."""
        table = tables.reservations.c
        conditions = _equal({table.station: wanted.station})
        if wanted.status is not None:
            is_over = and_(table.status.in_(OPEN), table.expires <= wanted.now)
            is_so = table.status == wanted.status
            conditions += (or_(is_so, is_over) if wanted.status == EXPIRED else and_(is_so, not_(is_over)),)
        if wanted.network is not None:
            own = tables.stations.c
            conditions += (table.station.in_(select(own.key).where(own.network == wanted.network)),)
        order = Order((table.made, table.station, table.number), backwards=True)
        return await self._part(Listing(shape(Reservation), order, (conditions,)), after, limit)

    async def list_notes(self, wanted: NoteFilter, after: str | None = None, limit: int = 100) -> Listed[Note]:
        """Return notes, those that came last first."""
        table = tables.notes.c
        conditions = _equal({table.station: wanted.station, table.kind: wanted.kind, table.about: wanted.about})
        conditions += _between(table.received, wanted.since, wanted.until)
        order = Order((table.received, table.station, table.kind, table.at, table.digest), backwards=True)
        return await self._part(Listing(shape(Note), order, (conditions,)), after, limit)

    # How.

    def _stations(self, wanted: StationFilter) -> tuple[ColumnElement[bool], ...]:
        """Return the conditions of stations. Raise StoreAway."""
        table = tables.stations.c
        equal = {
            table.network: wanted.network,
            table.connected: wanted.connected,
            table.registration: wanted.registration,
            table.version: wanted.version,
        }
        conditions = _equal(equal) + _within(table.network, wanted.networks)
        conditions += _like(wanted.match, table.key, self._reach.there().dialect.name)
        named = (table.key, table.name, table.location, table.vendor, table.model, table.serial)
        return conditions + _has(wanted.text, *named)

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[AsyncConnection]:
        async with self._reach.in_time(), self._gate, self._reach.read() as connection:
            yield connection

    async def _part(self, listing: Listing[R], after: str | None, limit: int) -> Listed[R]:
        async with self._read() as connection:
            return await listing.part(connection, after, limit)

    async def _one(self, kind: type[R], **key: Any) -> R | None:
        mine = shape(kind)
        async with self._read() as connection:
            row = (await connection.execute(select(*mine.columns).filter_by(**key))).one_or_none()
            return mine.kind(*row) if row is not None else None


def _transactions(wanted: TransactionFilter) -> tuple[tuple[ColumnElement[bool], ...], ...]:
    """Return the groups of conditions of transactions; one for each meaning that a text may have."""
    table = tables.transactions.c
    conditions = _equal({table.station: wanted.station, table.network: wanted.network, table.evse: wanted.evse})
    conditions += _within(table.network, wanted.networks)
    conditions += _between(table.began, wanted.began_from, wanted.began_to)
    conditions += _between(table.ended, wanted.ended_from, wanted.ended_to)
    if wanted.token is not None:
        conditions += (table.token_id == token_id(wanted.token),)
    if wanted.state is not None:
        conditions += (tables.IS_RUNNING if wanted.state == "running" else table.state == wanted.state,)
    if wanted.estimated is not None:
        conditions += (tables.IS_ESTIMATED if wanted.estimated else table.estimated == "",)
    if wanted.text is None:
        return (conditions,)
    called = [table.station == name for name in sorted({wanted.text, wanted.text.casefold(), fold(wanted.text)})]
    called += [
        table.ref == wanted.text,
        and_(tables.IS_CALLED, table.called == wanted.text),
        table.token_id == token_id(wanted.text),
    ]
    return tuple((*conditions, each) for each in called)


def _equal(wanted: dict[Column[Any], Any]) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that columns have values; None: any."""
    return tuple(column == value for column, value in wanted.items() if value is not None)


def _between(column: Column[Any], first: float | None, end: float | None) -> tuple[ColumnElement[bool], ...]:
    found: tuple[ColumnElement[bool], ...] = () if first is None else (column >= first,)
    return found if end is None else (*found, column < end)


def _within(column: Column[Any], values: Collection[str] | None) -> tuple[ColumnElement[bool], ...]:
    return () if values is None else (column.in_(values),)


def _has(part: str | None, *columns: Column[Any]) -> tuple[ColumnElement[bool], ...]:
    """Return the condition that a text is part of one of some columns, whatever its case."""
    if part is None:
        return ()
    return (or_(*(func.lower(column).contains(part.lower(), autoescape=True) for column in columns)),)


def _like(glob: str | None, column: Column[Any], dialect: str) -> tuple[ColumnElement[bool], ...]:
    """Return the condition that a text looks like that, as a whole. Case counts, which it does not in SQLite's LIKE."""
    if glob is None:
        return ()
    if dialect == SQLITE:
        return (column.op("GLOB", is_comparison=True)(glob.replace("[", "[[]")),)
    plain = re.sub(r"[%_\\]", r"\\\g<0>", glob)
    return (column.like(plain.replace("*", "%").replace("?", "_"), escape="\\"),)
