"""The gateways on one PostgreSQL, and which of them holds a station. All times are by the database's clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from voltgate.cluster.ports import Location, Node, NodeState, Orphan
from voltgate.store.address import POSTGRESQL
from voltgate.store.alert_tables import alerts
from voltgate.store.csms.tables import stations
from voltgate.store.leases import clock_of
from voltgate.store.reach import Reach
from voltgate.store.tables import locations, nodes

ORPHANS = 1000
"""Stations of a node that has died that are told of at once."""
ALIVE = 10.0
"""Seconds after its last beat for which a node counts as alive."""

_CLOCK = clock_of(POSTGRESQL)
_ALONE = text("LOCK TABLE nodes IN SHARE ROW EXCLUSIVE MODE")
"""Keeps all others from writing to this table until the transaction ends."""


@dataclass(frozen=True, slots=True)
class Status:
    """How this node is now: see `Node`."""

    state: NodeState
    stations: int
    load: float


class NodeTable:
    """The rows of nodes and of locations. `node`, `name` and `version` are this node's."""

    def __init__(self, reach: Reach, node: str, name: str, version: str) -> None:
        self._reach = reach
        self._node = node
        known = {"id": node, "name": name, "version": version, "began": _CLOCK, "seen": _CLOCK}
        stated: dict[str, Any] = {each: bindparam(each) for each in ("state", "stations", "load")}
        written = insert(nodes).values(**known, **stated)
        news = {each: written.excluded[each] for each in ("seen", *stated)}
        self._beat = written.on_conflict_do_update(index_elements=[nodes.c.id], set_=news)

    async def beat(self, connection: AsyncConnection, status: Status) -> None:
        """Write down that this node lives, and how it is. Raises what the database raises."""
        row = {"state": status.state, "stations": status.stations, "load": status.load}
        await connection.execute(self._beat, row)

    async def retire(self) -> bool:
        """Write down that this node drains, if another one serves; return whether one does. Raises StoreAway.

        Of two that are to drain at the same time, the one that is first has said so before the other one looks.
        """
        others = nodes.alias()
        another = select(others).where(
            others.c.id != self._node, others.c.state == "serving", others.c.seen >= _CLOCK - ALIVE
        )
        drains = update(nodes).where(nodes.c.id == self._node, another.exists()).values(state="draining")
        async with self._reach.write() as connection:
            await connection.execute(_ALONE)
            return bool((await connection.execute(drains)).rowcount)

    async def leave(self) -> None:
        """Take this node's row out: it ends. Raises StoreAway."""
        async with self._reach.write() as connection:
            await connection.execute(delete(nodes).where(nodes.c.id == self._node))

    async def read(self) -> list[Node]:
        """Return all nodes, this one first, then by name. Raises StoreAway."""
        async with self._reach.read() as connection:
            return await self.read_with(connection)

    async def read_with(self, connection: AsyncConnection) -> list[Node]:
        """Return the same over this connection. Raises what the database raises."""
        known = select(*nodes.c, (nodes.c.seen >= _CLOCK - ALIVE).label("alive"))
        rows = await connection.execute(known.order_by(nodes.c.id != self._node, nodes.c.name, nodes.c.began))
        return [Node(*tuple(row)) for row in rows]

    async def orphans(self, node: str) -> list[Orphan]:
        """Have it known of some stations of a node that has died that they have left it; return them. Raises StoreAway.

        Each is returned to one node only, and none as long as its node lives.
        """
        lives = select(nodes.c.id).where(nodes.c.id == node, nodes.c.seen >= _CLOCK - ALIVE).exists()
        theirs = select(locations.c.station).where(locations.c.node == node, ~locations.c.gone, ~lives)
        few = theirs.limit(ORPHANS).with_for_update(skip_locked=True)
        said = update(locations).where(locations.c.station.in_(few)).values(gone=True)
        async with self._reach.write() as connection:
            left = said.returning(locations.c.station, (_CLOCK - locations.c.at).label("seconds"))
            seconds = {key: float(since) for key, since in await connection.execute(left)}
            identities = dict(zip(seconds, seconds, strict=True))
            for known in (alerts.c.key, alerts.c.station), (stations.c.key, stations.c.identity):
                identities |= dict((await connection.execute(select(*known).where(known[0].in_(seconds)))).all())
        return [Orphan(identities[key], since) for key, since in seconds.items()]

    async def where(self, station: str) -> Location | None:
        """Return where a station is, by its key; None if it never came. Raises StoreAway."""
        async with self._reach.read() as connection:
            row = (await connection.execute(select(locations).where(locations.c.station == station))).one_or_none()
            return None if row is None else Location(*row)
