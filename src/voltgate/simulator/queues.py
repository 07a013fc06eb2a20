"""The simulated backend as a node behind RabbitMQ: it answers what gateways put into queues."""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from voltgate.carriers.amqp.answering import Node, Station
from voltgate.carriers.amqp.items import frame
from voltgate.carriers.amqp.settings import Broker, Layout, NodeSettings
from voltgate.ocpp.close_codes import NO_CLOSE
from voltgate.ocpp.framing import decode
from voltgate.ocpp.messages import SEND, Call, Error, Handler, Reply, Respond, Result, unheard
from voltgate.relay.wire import Receiver
from voltgate.simulator.backend import SimulatedBackend
from voltgate.simulator.event_loop import ticking

SCHEMES = ("amqp", "amqps")
_KEYS = {"prefix", "queues"}
_MOST_QUEUES = 64
"""As many as a backend may have in the configuration."""


def node_settings(url: str, ca: Path | None = None) -> NodeSettings:
    """Return what amqp://[user:password@]host[:port][/vhost][?prefix=…&queues=…] says. Raise ValueError.

    With amqps:// the broker's certificate is verified, by the authorities in the file `ca`, else by the system's.
    """
    parts = urlsplit(url)
    said = parse_qs(parts.query)
    if parts.scheme not in SCHEMES or not parts.hostname or not said.keys() <= _KEYS:
        raise ValueError("give an address like amqp://user:password@127.0.0.1:5672/?prefix=voltgate&queues=4")
    secure = parts.scheme == "amqps"
    login = (unquote(parts.username), unquote(parts.password or "")) if parts.username is not None else None
    vhost = unquote(parts.path.removeprefix("/")) or "/"
    queues = said.get("queues", ["4"])[0]
    if not queues.isdecimal() or not 1 <= int(queues) <= _MOST_QUEUES:
        raise ValueError(f"queues is a number from 1 to {_MOST_QUEUES}, not {queues}")
    layout = Layout(said.get("prefix", ["voltgate"])[0], int(queues))
    context = ssl.create_default_context(cafile=ca) if secure else None
    port = parts.port or (5671 if secure else 5672)
    return NodeSettings(Broker(parts.hostname, port, vhost, login, ssl=context), layout)


async def consume(
    simulated: SimulatedBackend, settings: NodeSettings, stop: asyncio.Event, connected: Callable[[], None]
) -> None:
    """Answer stations by way of RabbitMQ until `stop` is set."""
    wires: dict[Station, StationWire] = {}

    def serve(station: Station) -> Handler:
        wire = wires[station] = StationWire(station.command, simulated.clock.now)
        wire.receiver = simulated.connect(station.identity, station.protocol, wire)
        return wire.take

    def left(station: Station) -> None:
        if station in wires:  # else it was heard by another node
            wires.pop(station).end("the station has gone")

    node = Node(settings, serve, simulated.wheel, simulated.clock.now, time.time, left, random.random)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(node.run(connected))
        await ticking(simulated.wheel, simulated.clock.now, stop)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


class StationWire:
    """A station's handler as a `Wire`: what the backend sends answers a call, or is a command."""

    def __init__(self, command: Handler, clock: Callable[[], float]) -> None:
        self.receiver: Receiver | None = None
        self._command = command
        self._clock = clock
        self._open: dict[str, Respond] = {}

    def take(self, call: Call, respond: Respond) -> None:
        """Hand a call of the station to the backend."""
        if call.kind != SEND:
            self._open[call.id] = respond
        self._receive(call.text or frame(call, call.id))

    def _receive(self, text: bytes) -> None:
        if self.receiver is not None:
            self.receiver.received(text, None, self._clock())

    def send(self, text: bytes, frame: bytes | None = None) -> None:
        """Take one message of the backend."""
        message = decode(text)
        match message:
            case Call(kind=6):
                self._command(message, unheard)
            case Call():
                self._command(message, lambda reply: self._replied(message.id, reply))
            case Result() | Error():
                respond = self._open.pop(message.id, None)
                if respond is not None:
                    respond(message)
            case _:
                pass  # nonsense goes no further: there is no socket for it

    def _replied(self, message_id: str, reply: Reply) -> None:
        self._receive(frame(reply, message_id))

    def end(self, reason: str) -> None:
        """Tell the backend that the station has gone."""
        receiver, self.receiver = self.receiver, None
        if receiver is not None:
            receiver.lost(NO_CLOSE, reason)

    def close(self, code: int, reason: str) -> None:
        """End: there is no socket to close, and the station is not told."""
        self.end(reason)

    def pause(self) -> None:
        """Do nothing: the node bounds what it takes."""

    def resume(self) -> None:
        """Do nothing."""
