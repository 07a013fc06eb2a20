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
from typing import NamedTuple

from sqlalchemy import Select, bindparam, false, or_, select, update
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
_IN_TURN = locations.c.station.collate("C")
"""The order in which rows are locked: that of `sorted`, whatever language the database sorts by."""


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
_SAY = (
    update(locations)
    .where(locations.c.station == bindparam("one"), locations.c.epoch == bindparam("under"))
    .values(gone=bindparam("left"))
)


class Former(NamedTuple):
    """The node that has a station, and the epoch of its session there."""

    node: str
    epoch: int


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

    def when_lost(self, then: Callable[[str], None]) -> None:
        """Have `then` called with each station that another node has taken, before anybody else is."""

    def when_taken_for_gone(self, then: Callable[[str], None]) -> None:
        """Have `then` called with each station that is here, and that another node took for gone."""

    async def take(self, engine: AsyncEngine, wanted: Mapping[str, int]) -> dict[str, Former]:
        """Take the stations that are `wanted`, and those of sessions that began without a database.

        What is wanted is taken regardless of the session elsewhere that has this epoch (0: none).

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
        self._lost = [lost]
        self._is_here: Callable[[str], None] = lambda _: None
        self._clock = clock
        self._held: dict[str, int] = {}
        self._begun: dict[str, float] = {}
        """Stations that came in while the database was away, and when."""
        self._unsaid: dict[str, tuple[int, bool]] = {}
        """Stations that have left (True), or are here after all, and the database does not know; under which epoch.

        What is said of an older epoch changes nothing there.
        """
        self._left: OrderedDict[str, int] = OrderedDict()
        """Stations that have left, each with the epoch that it had then; 0 if it had none yet."""
        self._looked: dict[str, float] = {}
        """When it was seen first that another node has a station whose session began here without the database."""

    @property
    def waits(self) -> bool:
        """Whether stations are to be taken, or have left, and the database does not know yet."""
        return bool(self._begun or self._unsaid)

    @property
    def undecided(self) -> int:
        """Of how many stations nobody can say yet if this node may write of them."""
        return len(self._begun)

    def holds(self, station: str) -> bool:
        """Return whether this node may write of a station, for all it knows."""
        return station in self._held or station in self._begun

    def came(self, station: str, *, taken: bool) -> None:
        """Take note of a session that begins; if the station was not `taken` it is as soon as that can be done."""
        epoch, left = self._held.get(station), self._left.pop(station, None)
        if epoch is None:
            if not taken:
                self._begun[station] = self._clock()
        elif epoch == left:  # since it was taken: the database may have been told
            self._unsaid[station] = epoch, False

    def leave(self, station: str) -> None:
        """Take note that a station has left. It may be written of until another node takes it."""
        if not self.holds(station):
            return
        self._has_left(station, self._held.get(station, 0))
        if len(self._left) > _REMEMBERED:
            known = (each for each in self._left if each not in self._unsaid and each not in self._begun)
            oldest = next(known, None)
            if oldest is not None:
                del self._left[oldest], self._held[oldest]

    def _has_left(self, station: str, epoch: int) -> None:
        self._left[station] = epoch
        self._left.move_to_end(station)
        if epoch:
            self._unsaid[station] = epoch, True

    def is_undecided(self, station: str) -> bool:
        """Return whether nobody can say yet if this node may write of a station."""
        return station in self._begun

    def lose(self, stations: Iterable[str]) -> None:
        """Take note that other nodes have these stations by now."""
        for station in stations:
            was_ours = self.holds(station)
            for known in (self._held, self._begun, self._unsaid, self._left, self._looked):
                known.pop(station, None)
            if was_ours:
                for then in self._lost:
                    then(station)

    def when_lost(self, then: Callable[[str], None]) -> None:
        """Have `then` called with each station that another node has taken, before anybody else is."""
        self._lost.insert(0, then)

    def when_taken_for_gone(self, then: Callable[[str], None]) -> None:
        """Have `then` called with each station that is here, and that another node took for gone."""
        self._is_here = then

    # What the writing task does.

    async def take(self, engine: AsyncEngine, wanted: Mapping[str, int]) -> dict[str, Former]:
        """Take the stations that are `wanted`, and those of sessions that began without a database.

        What is wanted is taken regardless of the session elsewhere that has this epoch (0: none).

        Return those that were not taken because they are connected to other nodes, with these. Raises what SQLAlchemy
        raises; then nothing has changed here.
        """
        await self._say(engine)
        late = [station for station in islice(self._begun, _AT_ONCE) if station not in wanted]
        if not wanted and not late:
            return {}
        async with engine.begin() as connection:
            formers = await self._formers_of(connection, [*wanted, *late])
            anew = dict.fromkeys(
                (each for each, epoch in wanted.items() if each not in formers or formers[each].epoch == epoch), 0.0
            )
            ago = {each: self._clock() - self._begun[each] for each in late if self._is_ripe(each, formers)}
            taken = await self._take(connection, _TAKE, anew) | await self._take(connection, _TAKE_LATE, ago)
        for station, epoch in taken.items():
            self._held[station] = epoch
            for known in (self._begun, self._looked):
                known.pop(station, None)
            if station in ago and station in self._left:  # its session is over by now
                self._has_left(station, epoch)
        self.lose(ago.keys() - taken.keys())
        for station in late:
            if station in self._begun:  # the next ones are looked at first: all wait together
                self._begun[station] = self._begun.pop(station)
        return {station: former for station, former in formers.items() if station in wanted and station not in taken}

    def _is_ripe(self, station: str, formers: Mapping[str, Former]) -> bool:
        """Return whether a station may be taken late: another node first writes what it knows of it."""
        now = self._clock()
        return station not in formers or now - self._looked.setdefault(station, now) >= _LAST_WORDS

    async def _say(self, engine: AsyncEngine) -> None:
        """Have the database know who has left, and who is here after all."""
        unsaid = dict(islice(self._unsaid.items(), _AT_ONCE))
        if unsaid:
            async with engine.begin() as connection:
                rows = [{"one": one, "under": epoch, "left": left} for one, (epoch, left) in sorted(unsaid.items())]
                await connection.execute(_SAY, rows)
            for station, said in unsaid.items():
                if self._unsaid.get(station) == said:
                    del self._unsaid[station]

    async def _formers_of(self, connection: AsyncConnection, stations: Collection[str]) -> dict[str, Former]:
        """Lock the rows of stations, in the same order everywhere; return the other nodes at which these are.

        What another node has had meanwhile is lost, though it is about to be taken again: what waits of it is old.
        """
        rows = _held_by(stations).add_columns(locations.c.gone)
        found = (await connection.execute(rows.order_by(_IN_TURN).with_for_update())).all()
        ours = [row for row in found if row.station in self._held]
        self.lose([row.station for row in ours if not self._is_ours(row.station, row.node, row.epoch)])
        return {station: Former(node, epoch) for station, node, epoch, gone in found if node != self.node and not gone}

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
        rows = await connection.execute(_held_by(held).order_by(_IN_TURN).with_for_update(read=True))
        return set(stations) - {row.station for row in rows if self._is_ours(row.station, row.node, row.epoch)}

    def _is_ours(self, station: str, node: str, epoch: int) -> bool:
        """Return whether a row says that a station is this node's, as far as it was.

        It may have been taken once more, by a commit of which nobody heard that it succeeded.
        """
        held = self._held.get(station)
        if held is not None and node == self.node and epoch == held + 1:
            self._held[station] = held = epoch
        return epoch == held

    async def look(self, engine: AsyncEngine) -> None:
        """Look whether all is still this node's: it may not have heard of what was taken."""
        for few in _batched(list(self._held)):
            async with reading(engine).connect() as connection:
                rows = (await connection.execute(_held_by(few).add_columns(locations.c.gone))).all()
            newer = [row for row in rows if row.epoch > self._held.get(row.station, row.epoch)]
            self.lose([row.station for row in newer if not self._is_ours(row.station, row.node, row.epoch)])
            for row in rows:
                if row.gone:
                    self._say_here(row.station, row.epoch)

    def _say_here(self, station: str, epoch: int) -> None:
        """Say that a station is here of which another node has said that it left, when this one seemed dead."""
        if self._held.get(station) == epoch and station not in self._left and station not in self._unsaid:
            self._unsaid[station] = epoch, False
            self._is_here(station)


def _held_by(stations: Collection[str]) -> Select[tuple[str, str, int]]:
    """Select who has stations, and under which epochs."""
    rows = select(locations.c.station, locations.c.node, locations.c.epoch)
    return rows.where(locations.c.station.in_(stations))


def _batched(stations: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(stations), _LOOKED_AT):
        yield stations[start : start + _LOOKED_AT]
