"""Locations: whose page of a station is, for gateways that share a database. The database decides, by epochs.

One row a station. Its epoch rises each time that a session begins, wherever that is; what is written of a station is
written under its epoch, in one transaction with a look at the row. So a gateway that has lost a station writes nothing
more of it, whatever clocks and networks do; and whoever takes a station reads all that was written before.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice

from sqlalchemy import bindparam, false, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from voltgate.store.address import POSTGRESQL, reading
from voltgate.store.leases import clock_of
from voltgate.store.tables import locations

_AT_ONCE = 500
"""Stations that are taken, or said to have left, with one commit."""
_LOOKED_AT = 1000
"""Stations whose rows are looked at with one query."""
_REMEMBERED = 10_000
"""Stations that have left, and may still be written of: a backend's last answer comes late."""

_LAST_WORDS = 3.0
"""Seconds that a node has for what it could not write while the database was away."""

_CLOCK = clock_of(POSTGRESQL)


def _taking(*, anew: bool) -> object:
    """Make the statement that takes stations; those of sessions that began `ago` only from sessions before these."""
    at = _CLOCK - bindparam("ago", type_=locations.c.at.type)
    taken = insert(locations).values(station=bindparam("one"), node=bindparam("by"), epoch=1, at=at, gone=false())
    given = taken.excluded
    ours = or_(locations.c.node == given.node, locations.c.gone, locations.c.at <= given.at)
    return taken.on_conflict_do_update(
        index_elements=[locations.c.station],
        set_={"node": given.node, "epoch": locations.c.epoch + 1, "at": given.at, "gone": false()},
        where=None if anew else ours,
    ).returning(locations.c.station, locations.c.epoch)


_TAKE, _TAKE_LATE = _taking(anew=True), _taking(anew=False)
_LEAVE = (
    update(locations)
    .where(locations.c.station == bindparam("one"), locations.c.epoch == bindparam("under"))
    .values(gone=true())
)


class Alone:
    """The stations that a gateway may write of which has its database to itself: all."""

    @property
    def waits(self) -> bool:
        """Whether stations are to be taken, or have left, and the database does not know yet."""
        return False

    @property
    def undecided(self) -> int:
        """Of how many stations nobody can say yet if this node may write of them."""
        return 0

    def holds(self, station: str) -> bool:
        """Return whether this node may write of a station, for all it knows."""
        return True

    def came(self, station: str, *, taken: bool) -> None:
        """Take note of a session that begins; if the station was not `taken` it is as soon as that can be done."""

    def leave(self, station: str) -> None:
        """Take note that a station has left. It may be written of until another node takes it."""

    def is_undecided(self, station: str) -> bool:
        """Return whether nobody can say yet if this node may write of a station."""
        return False

    def lose(self, stations: Iterable[str]) -> None:
        """Take note that other nodes have these stations by now."""

    async def take(self, engine: AsyncEngine, wanted: Mapping[str, bool]) -> dict[str, str]:
        """Take the stations that are `wanted` (True: regardless), and those of sessions that began without a database.

        Return those that were not taken because they are connected to other nodes, with these. Raises what SQLAlchemy
        raises; then nothing has changed here.
        """
        return {}

    async def elsewhere(self, connection: AsyncConnection, stations: Collection[str]) -> set[str]:
        """Return those of some stations that this node may not write of; the others are its own until the commit."""
        return set()

    async def look(self, engine: AsyncEngine) -> None:
        """Look whether all is still this node's: it may not have heard of what was taken."""


class Locations(Alone):
    """The stations that this node may write of, one of several on a PostgreSQL.

    `lost` is called with each that another node has taken.
    """

    def __init__(self, node: str, lost: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.node = node
        self._lost = lost
        self._clock = clock
        self._held: dict[str, int] = {}
        self._begun: dict[str, float] = {}
        """Stations that came in while the database was away, and when."""
        self._leaving: dict[str, int] = {}
        self._left: OrderedDict[str, None] = OrderedDict()
        self._looked: dict[str, float] = {}
        """When it was seen first that another node has a station whose session began here without the database."""

    @property
    def waits(self) -> bool:
        """Whether stations are to be taken, or have left, and the database does not know yet."""
        return bool(self._begun or self._leaving)

    @property
    def undecided(self) -> int:
        """Of how many stations nobody can say yet if this node may write of them."""
        return len(self._begun)

    def holds(self, station: str) -> bool:
        """Return whether this node may write of a station, for all it knows."""
        return station in self._held or station in self._begun

    def came(self, station: str, *, taken: bool) -> None:
        """Take note of a session that begins; if the station was not `taken` it is as soon as that can be done."""
        self._leaving.pop(station, None)
        self._left.pop(station, None)
        if not taken and station not in self._held:
            self._begun[station] = self._clock()

    def leave(self, station: str) -> None:
        """Take note that a station has left. It may be written of until another node takes it."""
        epoch = self._held.get(station)
        if epoch is None:
            return
        self._leaving[station] = epoch
        self._left[station] = None
        self._left.move_to_end(station)
        if len(self._left) > _REMEMBERED:
            oldest = next((each for each in self._left if each not in self._leaving), None)
            if oldest is not None:
                del self._left[oldest], self._held[oldest]

    def is_undecided(self, station: str) -> bool:
        """Return whether nobody can say yet if this node may write of a station."""
        return station in self._begun

    def lose(self, stations: Iterable[str]) -> None:
        """Take note that other nodes have these stations by now."""
        for station in stations:
            was_ours = self.holds(station)
            for known in (self._held, self._begun, self._leaving, self._left, self._looked):
                known.pop(station, None)
            if was_ours:
                self._lost(station)

    # What the writing task does.

    async def take(self, engine: AsyncEngine, wanted: Mapping[str, bool]) -> dict[str, str]:
        """Take the stations that are `wanted` (True: regardless), and those of sessions that began without a database.

        Return those that were not taken because they are connected to other nodes, with these. Raises what SQLAlchemy
        raises; then nothing has changed here.
        """
        await self._say_who_left(engine)
        late = [station for station in islice(self._begun, _AT_ONCE) if station not in wanted]
        if not wanted and not late:
            return {}
        async with engine.begin() as connection:
            formers = await self._formers_of(connection, [*wanted, *late])
            anew = dict.fromkeys(
                (each for each, regardless in wanted.items() if regardless or each not in formers), 0.0
            )
            ago = {each: self._clock() - self._begun[each] for each in late if self._is_ripe(each, formers)}
            taken = await self._take(connection, _TAKE, anew) | await self._take(connection, _TAKE_LATE, ago)
        for station, epoch in taken.items():
            self._held[station] = epoch
            for known in (self._begun, self._looked, self._leaving):
                known.pop(station, None)
        self.lose(ago.keys() - taken.keys())
        return {station: node for station, node in formers.items() if station in wanted and station not in taken}

    def _is_ripe(self, station: str, formers: Mapping[str, str]) -> bool:
        """Return whether a station may be taken late: another node first writes what it knows of it."""
        now = self._clock()
        return station not in formers or now - self._looked.setdefault(station, now) >= _LAST_WORDS

    async def _say_who_left(self, engine: AsyncEngine) -> None:
        leaving = dict(islice(self._leaving.items(), _AT_ONCE))
        if leaving:
            async with engine.begin() as connection:
                rows = [{"one": station, "under": epoch} for station, epoch in sorted(leaving.items())]
                await connection.execute(_LEAVE, rows)
            for station in leaving:
                self._leaving.pop(station, None)

    async def _formers_of(self, connection: AsyncConnection, stations: Collection[str]) -> dict[str, str]:
        """Lock the rows of stations, in the same order everywhere; return the other nodes at which these are."""
        rows = select(locations.c.station, locations.c.node, locations.c.gone).where(locations.c.station.in_(stations))
        found = await connection.execute(rows.order_by(locations.c.station).with_for_update())
        return {station: node for station, node, gone in found if node != self.node and not gone}

    async def _take(self, connection: AsyncConnection, statement: object, ago: Mapping[str, float]) -> dict[str, int]:
        if not ago:
            return {}
        rows = [{"one": station, "by": self.node, "ago": seconds} for station, seconds in sorted(ago.items())]
        found = await connection.execute(statement, rows)  # type: ignore[call-overload]
        return dict(found.all())

    async def elsewhere(self, connection: AsyncConnection, stations: Collection[str]) -> set[str]:
        """Return those of some stations that this node may not write of; the others are its own until the commit."""
        if not stations:
            return set()
        held = [station for station in stations if station in self._held]
        ours = select(locations.c.station, locations.c.epoch).where(locations.c.station.in_(held))
        rows = await connection.execute(ours.order_by(locations.c.station).with_for_update(read=True))
        return set(stations) - {station for station, epoch in rows if self._held.get(station) == epoch}

    async def look(self, engine: AsyncEngine) -> None:
        """Look whether all is still this node's: it may not have heard of what was taken."""
        for few in _batched(list(self._held)):
            async with reading(engine).connect() as connection:
                rows = select(locations.c.station, locations.c.epoch).where(locations.c.station.in_(few))
                found: dict[str, int] = dict((await connection.execute(rows)).all())
            self.lose([each for each in few if each in self._held and found.get(each, 0) > self._held[each]])


def _batched(stations: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(stations), _LOOKED_AT):
        yield stations[start : start + _LOOKED_AT]
