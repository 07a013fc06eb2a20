"""What stations behind brokers are told of their costs: any CSMS node may tell them, and one of them does each time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from voltgate.carriers.amqp.answering import Node
from voltgate.csms.service import ManagementSystem
from voltgate.store.csms.connections import StoredConnections
from voltgate.store.csms.rota import Rota

_LOOK = 5.0
"""Seconds at most between two looks: whether it is told, and how often, may have changed, and a broker be back."""


class Costs:
    """Tells the stations of brokers what they have charged for so far. `nodes` are by the names of their backends."""

    def __init__(
        self, csms: ManagementSystem, connections: StoredConnections, rota: Rota, nodes: Mapping[str, Node]
    ) -> None:
        self._csms = csms
        self._connections = connections
        self._rota = rota
        self._nodes = nodes

    async def look(self) -> None:
        """Tell what is due, and wait until more may be: to be called again and again. Raise StoreAway."""
        every, left = self._csms.settings.tell_costs, [_LOOK]
        for name, node in list(self._nodes.items()) if every else ():
            if node.is_connected:
                left.append(await self._rota.wait(f"costs at {name}", every) or await self._tell(name, node))
        await asyncio.sleep(min(left))

    async def _tell(self, name: str, node: Node) -> float:
        """Tell all stations of a broker, wherever they are connected; return how long to wait."""
        after = ""
        while few := await self._connections.charging(f"{name}/", after):
            after = few[-1].key
            peers = {each.key: node.at(each.identity, each.version, each.holder.rpartition("/")[2]) for each in few}
            await self._csms.tell_costs(peers)
        return 0.0
