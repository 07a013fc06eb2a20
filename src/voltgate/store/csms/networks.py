"""Networks, as an operator makes and changes them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from voltgate.csms.model import Network
from voltgate.store.csms import tables
from voltgate.store.csms.work import Work


class InUse(Exception):  # noqa: N818 - what keeps it from being deleted
    """A network is needed: stations are in it, or tokens may charge in it only."""

    def __init__(self, stations: int, tokens: int) -> None:
        super().__init__(f"{stations} stations are in it, and {tokens} tokens may charge there only")
        self.stations = stations
        self.tokens = tokens


class Networks:
    """Changes networks. Everything raises StoreAway; Unfit for an id that is too long."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def create(self, network: Network) -> bool:
        """Make a network, unless there is one of that id; return whether there was none."""
        return await self._work.create(network)

    async def change(self, name: str, /, **values: Any) -> Network | None:
        """Change fields of a network; return it as it is then, None if there is none."""
        return await self._work.change(Network, {"id": name}, values)

    async def delete(self, name: str) -> bool:
        """Delete a network that nobody needs; return whether it was there. Raise InUse."""
        counts = (
            select(func.count()).select_from(tables.stations).where(tables.stations.c.network == name),
            select(func.count()).select_from(tables.tokens).where(tables.tokens.c.network == name),
        )
        async with self._work.writing() as connection:
            stations, tokens = (await connection.execute(select(*(each.scalar_subquery() for each in counts)))).one()
            if stations or tokens:
                raise InUse(stations, tokens)
            deleted = await connection.execute(tables.networks.delete().where(tables.networks.c.id == name))
            return deleted.rowcount > 0
