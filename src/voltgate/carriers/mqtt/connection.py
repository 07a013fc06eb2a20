"""One connection to a broker of MQTT 5: the handshake, what is in flight, what waits, and how silence is noticed.

Not more is in flight than the broker takes (its receive maximum); what waits behind that is bounded. All that is
written in one turn of the event loop goes out by one system call.
"""

from __future__ import annotations

import asyncio
import socket
import ssl as tls
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol, cast

from voltgate.carriers.bus import Away
from voltgate.carriers.mqtt import packets
from voltgate.carriers.mqtt.packets import BadPacket, Published
from voltgate.carriers.websocket.reaching import Attempt
from voltgate.carriers.websocket.resolver import Resolver
from voltgate.ocpp.wheel import Wheel

_MOST_IN_FLIGHT = 10_000
_MOST_WAITING = 20_000
_MOST_WAITING_BYTES = 32 << 20
_WRITE_BUFFER = 1 << 20
_LOOK = 1.0
"""Seconds between two looks at whether the broker is silent."""


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker, and how it is connected to.

    `ping` is the seconds between pings (0: none), `patience` those that the broker may take to answer anything,
    `largest` the bytes of a message that we take. `trust` names the files that `ssl` was made of.
    """

    host: str
    port: int
    login: tuple[str, str] | None = field(default=None, repr=False)
    ping: float = 55.0
    patience: float = 10.0
    qos: int = 1
    largest: int = 1 << 20
    trust: tuple[object, ...] = ()
    ssl: tls.SSLContext | None = field(default=None, compare=False, repr=False)


@dataclass(slots=True, eq=False)
class Publication:
    """A message on its way to the broker. `topic` is a field of MQTT, `properties` are complete.

    `settled` is told why it reached nobody: the broker's reason code; of one that is to be kept 0 too. A message that
    `answers` is published again when that cannot be known, and `again` says that it was; where it is too large for the
    broker, `instead` is called.
    """

    topic: bytes
    properties: bytes
    payload: bytes
    at: float
    settled: Callable[[int], None] | None = None
    answers: bool = False
    instead: Callable[[], None] | None = None
    again: bool = False
    retain: bool = False

    @property
    def size(self) -> int:
        """The bytes of its packet, and some more."""
        return len(self.topic) + len(self.properties) + len(self.payload) + 16


class Side(Protocol):
    """Whoever a connection belongs to."""

    def published(self, message: Published) -> None:
        """Take a message of the broker."""

    def too_large(self, size: int) -> None:
        """Take note that the broker has refused a message of so many bytes, although it did not say beforehand."""

    def ended(self, connection: Connection, reason: str) -> None:
        """Take note that the connection has ended: once, after it was open."""


class Connection(asyncio.Protocol):
    """One connection. `window` is how many messages may be in flight, `largest` the bytes of a packet that it takes."""

    def __init__(self, broker: Broker, side: Side, wheel: Wheel, clock: Callable[[], float]) -> None:
        self.window = _MOST_IN_FLIGHT
        self.largest = 268_435_455
        self.qos = broker.qos
        self._broker = broker
        self._side = side
        self._wheel = wheel
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._socket: socket.socket | None = None
        self._buffer = bytearray()
        self._answered: asyncio.Future[str] = self._loop.create_future()
        self._is_open = False
        self._is_over = False
        self._end = ""
        self._out: list[bytes] = []
        self._choked = False
        self._next_id = 0
        self._flying: dict[int, Publication] = {}
        self._subscribing: dict[int, asyncio.Future[bytes]] = {}
        self._waiting: deque[Publication] = deque()
        self._waiting_bytes = 0
        self._ping = broker.ping
        self._pinged = False
        self._heard = self._spoken = clock()
        self._asked: float | None = None
        """Since when the broker owes us an answer of any kind; None: it owes none."""
        self._look_at = 0.0

    @classmethod
    async def open(
        cls,
        broker: Broker,
        client_id: str,
        side: Side,
        names: Resolver,
        wheel: Wheel,
        clock: Callable[[], float],
        will: packets.Will | None = None,
    ) -> Connection:
        """Connect to one of the broker's addresses. Raise Away, within its patience."""
        made = cls(broker, side, wheel, clock)
        attempt = Attempt(names, broker.host, broker.port, broker.ssl)
        try:
            async with asyncio.timeout(broker.patience):
                await attempt.connect(lambda: made, broker.patience)
                made._write(packets.connect(client_id, broker.login, made._keep_alive, broker.largest, will))
                refusal = await made._answered
        except TimeoutError:
            refusal = f"no answer within {broker.patience:g} s"
        except OSError as problem:
            refusal = str(problem) or type(problem).__name__
        except BaseException:
            made.abort()
            raise
        if refusal or made._is_over:  # it may have gone right after it let us in
            made.abort()
            attempt.failed()
            raise Away(refusal or made._end)
        return made

    @property
    def _keep_alive(self) -> int:
        return min(int(self._broker.ping * 2), 65_535)

    # What we say.

    def publish(self, message: Publication) -> bool:
        """Send a message, now or when the broker takes it; return False if too much waits already."""
        if self._waiting or self._choked or len(self._flying) >= self.window:
            if len(self._waiting) >= _MOST_WAITING or self._waiting_bytes + message.size > _MOST_WAITING_BYTES:
                return False
            self._waiting.append(message)
            self._waiting_bytes += message.size
        else:
            self._send(message)
        return True

    def _send(self, message: Publication) -> None:
        packet_id = None
        if self.qos:
            packet_id = self._new_id()
            self._flying[packet_id] = message
        self._write(
            packets.publish(message.topic, message.properties, message.payload, packet_id, retain=message.retain)
        )

    def _new_id(self) -> int:
        while True:
            self._next_id = self._next_id % 65_535 + 1
            if self._next_id not in self._flying and self._next_id not in self._subscribing:
                return self._next_id

    def _pump(self) -> None:
        while self._waiting and not self._choked and len(self._flying) < self.window:
            message = self._waiting.popleft()
            self._waiting_bytes -= message.size
            self._send(message)

    def subscribe(self, topics: Iterable[bytes], *, retained: bool = False) -> asyncio.Future[bytes]:
        """Subscribe to topics; the future gives a reason code for each, b"" when the connection ends before."""
        packet_id, answer = self._new_id(), self._loop.create_future()
        self._subscribing[packet_id] = answer
        self._write(packets.subscribe(packet_id, topics, self._broker.qos, retained=retained))
        return answer

    def unsubscribe(self, topics: Iterable[bytes]) -> asyncio.Future[bytes]:
        """Unsubscribe from topics; the future is done when nothing comes from them any more."""
        packet_id, answer = self._new_id(), self._loop.create_future()
        self._subscribing[packet_id] = answer
        self._write(packets.unsubscribe(packet_id, topics))
        return answer

    def close(self) -> None:
        """Say good-bye; nothing is heard of this connection any more."""
        self._write(packets.GOODBYE)
        self._flush()
        self._over()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Cut the connection; nothing is heard of it any more."""
        self._over()
        if self._transport is not None:
            self._transport.abort()

    def unsettled(self) -> list[Publication]:
        """Return what was in flight and what waited, in their order, when the connection has ended."""
        return [*self._flying.values(), *self._waiting]

    @property
    def waiting(self) -> int:
        """The number of messages that wait for the broker."""
        return len(self._waiting)

    def _write(self, data: bytes) -> None:
        if self._is_over:
            return
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(data)

    def _flush(self) -> None:
        if self._out and self._transport is not None and not self._is_over:
            self._spoken = self._clock()
            if self._asked is None and self._is_owed:
                self._asked = self._spoken
            self._transport.write(b"".join(self._out))
        self._out.clear()

    # What the broker says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by their type
        self._transport.set_write_buffer_limits(_WRITE_BUFFER)
        self._socket = self._transport.get_extra_info("socket")

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self._heard = self._clock()
        self._pinged = False
        if self._socket is not None:  # brokers that use Nagle's algorithm wait for it; said at each read
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        self._buffer += data
        try:
            for first, body in packets.split(self._buffer, self._broker.largest):
                if not self._is_over:
                    self._take(first, body)
        except BadPacket as problem:
            self._fail(f"the broker sent {problem}")
        self._asked = self._heard if self._is_owed else None

    @property
    def _is_owed(self) -> bool:
        return bool(self._pinged or self._flying or self._subscribing)

    def _take(self, first: int, body: bytes) -> None:
        kind = first >> 4
        if not self._is_open:
            self._take_first(kind, body)
            return
        match kind:
            case packets.PUBLISH:
                message = packets.read_published(first, body)
                self._side.published(message)
                if message.packet_id is not None:
                    self._write(packets.puback(message.packet_id))
            case packets.PUBACK:
                self._acknowledged(*packets.read_ack(body))
            case packets.SUBACK | packets.UNSUBACK:
                packet_id, codes = packets.read_codes(body)
                answer = self._subscribing.pop(packet_id, None)
                if answer is not None and not answer.done():
                    answer.set_result(codes)
            case packets.PINGRESP:
                pass
            case packets.DISCONNECT:
                self._fail(f"the broker says: {packets.read_disconnect(body)}")
            case _:
                raise BadPacket(f"a packet of type {kind}, which is not for clients")

    def _take_first(self, kind: int, body: bytes) -> None:
        if kind != packets.CONNACK:
            raise BadPacket("no CONNACK")
        code, properties = packets.read_connack(body)
        if code:
            self._answer(f"the broker refuses the connection: {packets.reason(code, properties)}")
            return
        self.window = min(self.window, int(properties.get(packets.RECEIVE_MAXIMUM, self.window)) or 1)
        self.largest = int(properties.get(packets.MAXIMUM_PACKET, self.largest))
        self.qos = min(self.qos, int(properties.get(packets.MAXIMUM_QOS, 1)))
        keep_alive = int(properties.get(packets.KEEP_ALIVE, 0))
        if keep_alive:
            self._ping = min(self._ping or keep_alive, keep_alive / 2)
        self._is_open = True
        self._watch(self._clock())
        self._answer("")

    def _answer(self, refusal: str) -> None:
        if not self._answered.done():
            self._answered.set_result(refusal)

    def _acknowledged(self, packet_id: int, code: int) -> None:
        message = self._flying.pop(packet_id, None)
        if message is not None and code == packets.TOO_LARGE:
            self._side.too_large(message.size)
        if message is not None and message.settled is not None and (code or message.retain):
            message.settled(code)
        self._pump()

    def pause_writing(self) -> None:
        """Write no more: the broker reads too slowly."""
        self._choked = True

    def resume_writing(self) -> None:
        """Write what waits."""
        self._choked = False
        self._pump()

    # The end.

    def _watch(self, now: float) -> None:
        """Look from time to time whether the broker still answers."""
        if self._is_over:
            return
        if self._asked is not None and now - self._asked > self._broker.patience:
            self._fail(f"the broker has been silent for {self._broker.patience:g} s")
            return
        if self._ping and now - min(self._heard, self._spoken) >= self._ping and not self._pinged:
            self._pinged = True
            self._write(packets.PING)
        self._look_at = now + min(_LOOK, self._broker.patience / 4)
        self._wheel.at(self._look_at, self._watch)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note that the connection has ended."""
        self._fail(f"the connection was lost: {exc}" if exc else "the broker closed the connection")

    def _fail(self, reason: str) -> None:
        if self._is_over:
            return
        was_open, self._end = self._is_open, reason
        self._answer(reason)
        self.abort()
        if was_open:
            self._side.ended(self, reason)

    def _over(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._wheel.off(self._look_at, self._watch)
        for answer in self._subscribing.values():
            if not answer.done():
                answer.set_result(b"")
