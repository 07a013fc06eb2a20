"""A gateway and CSMS nodes, with RabbitMQ and PostgreSQL between: the management system apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import aiohttp
from sqlalchemy import text

from tests.amqp_ends import behind
from tests.harness import Gateway, Json, Stage, merged
from tests.servers import PostgreSQL, RabbitMQ
from voltgate.store.address import open_engine, read_address

TOKEN = "a-token-of-some-length"
SOON = {"first": 0.05, "max": 0.2}
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
BOOT = {"chargePointVendor": "v", "chargePointModel": "m"}


@dataclass
class Network:
    """A gateway and CSMS nodes, with what stands between them."""

    stage: Stage
    server: PostgreSQL
    rabbit: RabbitMQ
    prefix: str
    csms: Json = field(default_factory=dict)

    def document(self) -> Json:
        """Return the configuration that all of them share, but for their ports."""
        bus = {"wait": 60, "retry": SOON}
        document = behind(self.rabbit, self.prefix, **bus)
        document["routes"]["main"]["admit"] = "gateway"
        settings = {"tokens": "any"} | self.csms
        return {**document, "admin_token": TOKEN, "store": {"url": self.server.url, "patience": 10}, "csms": settings}

    async def gateway(self) -> Gateway:
        """Start a gateway."""
        gateway = self.stage.prepare(self.document())
        gateway.does = "gateway"
        await gateway.start()
        return gateway

    async def node(self, **changes: Any) -> Gateway:
        """Start a CSMS node."""
        node = self.stage.prepare(merged(self.document(), changes))
        node.does = "csms"
        await node.start()
        return node

    async def rows(self, statement: str) -> list[Any]:
        """Ask the database."""
        engine = open_engine(read_address(self.server.url), 5)
        try:
            async with engine.begin() as connection:
                done = await connection.execute(text(statement))
                return list(done.all()) if done.returns_rows else []
        finally:
            await engine.dispose()

    async def transactions(self) -> list[tuple[str, int, str]]:
        """Return station, number and state of all of them."""
        rows = await self.rows("SELECT station, number, state FROM csms_transactions ORDER BY station, number")
        return [tuple(row) for row in rows]

    async def is_connected(self, station: str) -> bool:
        """Return whether the database says so."""
        return bool(await self.rows(f"SELECT 1 FROM csms_stations WHERE connected AND key = '{station}'"))

    async def is_ready_for_tomorrow(self) -> bool:
        """Return whether there are partitions for the meter values of yesterday, today and three days to come."""
        names = "SELECT 1 FROM pg_class WHERE relname ~ '^csms_meter_values_2[0-9]{7}$' AND relkind = 'r'"
        return len(await self.rows(names)) >= 5


async def put(address: str, file: bytes) -> int:
    """Upload a file, over a connection of its own; return the status."""
    async with aiohttp.ClientSession() as http, http.put(address, data=file) as answer:
        return answer.status
