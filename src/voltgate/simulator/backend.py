"""The simulated backend: a small, strict CSMS that answers any number of stations and records what they did.

It is for demonstrations and tests: nothing is stored. Its answers show for which station they are (`mark`, the echo of
DataTransfer), so that a gateway that confuses stations is detected.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
from typing import Any

from voltgate.carriers.handshake import Admitted, Handshake, Refused
from voltgate.carriers.websocket.link import LinkSettings
from voltgate.carriers.websocket.listener import Listener, ListenerSettings
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.wire import Receiver, Wire
from voltgate.simulator.behaviour import Behaviour
from voltgate.simulator.calls import MessageIds, OnAnswer
from voltgate.simulator.channel import ChannelSettings
from voltgate.simulator.clock import Clock
from voltgate.simulator.connection import Connection
from voltgate.simulator.station_record import StationRecord
from voltgate.simulator.tally import Tally
from voltgate.simulator.websocket_channel import WebSocketChannel

VERSIONS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")

MOST_STATIONS = 200_000
"""Stations of which a record is kept; more are refused."""

_FIRST_SERIAL = 1 << 31
"""The first number of the backend's senders: the first part of a message id tells it from those of stations."""


class SimulatedBackend:
    """The simulated backend. `records` has one record a station, `open_connections` those that are connected now.

    `minted` is what its transactions are numbered after: where several answer the same stations, not all by the same.
    """

    def __init__(self, behaviour: Behaviour, wheel: Wheel, clock: Clock, minted: int = 0) -> None:
        self.behaviour = behaviour
        self.wheel = wheel
        self.clock = clock
        self.tally = Tally()
        self.records: dict[str, StationRecord] = {}
        self.open_connections: dict[str, Connection] = {}
        self.connections = 0
        self._transactions = minted

    async def admit(self, handshake: Handshake) -> Admitted | Refused:
        """Accept every station that offers a supported version, with the password if there is one."""
        version = next((name for name in handshake.offered if name in VERSIONS), None)
        identity = handshake.identity
        if self.behaviour.refuses is not None:
            return Refused(self.behaviour.refuses, "The stand-in was told to refuse")
        if version is None or not identity:
            return Refused(400, f"Offer one of {', '.join(VERSIONS)}, and name the station in the path")
        if not self._has_password(handshake.authorization, identity):
            return Refused(401, "The password is wrong", (("WWW-Authenticate", 'Basic realm="stand-in"'),))
        if len(self.records) >= MOST_STATIONS and identity not in self.records:
            return Refused(503, "The stand-in knows as many stations as it can")
        return Admitted(version, lambda link: self.connect(identity, version, link))

    def _has_password(self, authorization: bytes | None, identity: str) -> bool:
        if self.behaviour.password is None:
            return True
        wanted = b"Basic " + base64.b64encode(f"{identity}:{self.behaviour.password}".encode())
        return authorization is not None and hmac.compare_digest(wanted, authorization)

    def connect(self, identity: str, version: str, wire: Wire) -> Receiver:
        """Open the connection of a station that has connected by `wire`; return the wire's receiver."""
        self.connections += 1
        connection = Connection(self, identity, version, self.records.setdefault(identity, StationRecord()))
        settings = ChannelSettings.of_backend(version, self.behaviour.timeout)
        channel = WebSocketChannel(
            connection, wire, settings, self.tally, self.wheel, MessageIds(_FIRST_SERIAL + self.connections)
        )
        self.open_connections[identity] = connection
        connection.begin(channel, self.clock.now())
        return channel

    def disconnected(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        if self.open_connections.get(connection.identity) is connection:
            del self.open_connections[connection.identity]

    def command(self, identity: str, action: str, payload: dict[str, Any], on_answer: OnAnswer | None = None) -> bool:
        """Call a station; False when it is not connected, or too many commands wait for it."""
        connection = self.open_connections.get(identity)
        return connection is not None and connection.command(action, payload, on_answer)

    def mint(self) -> int:
        """Return the number of the next transaction (1.6)."""
        self._transactions += 1
        return self._transactions

    def as_dict(self) -> dict[str, Any]:
        """Return everything that was received, as plain JSON."""
        records = {identity: record.as_dict() for identity, record in self.records.items()}
        return {"connections": self.connections, "tally": self.tally.as_dict(), "stations": records}


async def open_listener(backend: SimulatedBackend, host: str, port: int, *, prefix: str = "") -> Listener:
    """Open the backend's listener. Raise OSError when the address is not available."""
    settings = ListenerSettings(f"ws://{host}:{port}", host, port, prefix=prefix, link=LinkSettings(ping=0))

    def report(fault: Exception, where: object) -> None:
        asyncio.get_running_loop().call_exception_handler({"message": "the stand-in failed", "exception": fault})

    listener = Listener(settings, backend.admit, backend.wheel, backend.clock.now, report=report)
    await listener.open()
    return listener
