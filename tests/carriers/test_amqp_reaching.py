"""How RabbitMQ is reached by its name: by the names that the gateway knows, and at any address that answers."""

from __future__ import annotations

import socket
import time

import pytest

from tests.servers import RabbitMQ
from voltgate.carriers.amqp.connection import Away, Connection
from voltgate.carriers.amqp.settings import AmqpCounts, Broker
from voltgate.carriers.websocket.resolver import Resolver


async def test_a_broker_is_reached_as_every_other_server(rabbit: RabbitMQ) -> None:
    """The system is not asked behind the gateway's back; an address that says nothing is tried last the next time."""
    there = True

    def look_up(host: str, port: int) -> list[str]:
        if not there:
            raise OSError("the resolver is away")
        return ["127.0.0.2", "127.0.0.1"]

    names = Resolver(keep=0.0, look_up=look_up)

    async def connect() -> None:
        broker = Broker("rabbit.voltgate.test", rabbit.port, patience=1.0)
        connection = await Connection.open(broker, "reached", lambda _: None, time.monotonic, AmqpCounts(), names)
        await connection.close()

    with socket.create_server(("127.0.0.2", rabbit.port)):
        with pytest.raises(Away, match="no answer within 1 s"):
            await connect()
        there = False
        await connect()
