"""The bench's stations, a process of their own: they call, check each answer byte by byte, and count what is amiss."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from random import Random
from time import monotonic
from typing import Any

from bench.frames import BOOT, ID_AT, ID_END, PATTERN, Kind, Mint, Reader, control, head, sequence_of
from bench.handshake import END, Offer
from bench.rounds import percentile
from bench.worker import Message, job, run, serve

SOURCES = 8
"""Loopback addresses that stations come from: one address has about 28,000 ports."""
PATIENCE = 3.0
"""Seconds that an answer may take after the last call before it counts as lost."""
HANDSHAKE = 15.0
GIVEN_UP = 100
"""Connections that may fail before no more are tried."""
AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER: leave without TIME_WAIT, so that the next round finds free ports."""


@dataclass(slots=True)
class Count:
    """What a process's stations have seen."""

    sent: int = 0
    answered: int = 0
    doubled: int = 0
    wrong: int = 0
    broken: int = 0
    """Connections that ended although nobody here ended them."""


class Station(asyncio.Protocol):
    """One station: at most one open call, whose answer it knows to the byte."""

    __slots__ = (
        "_count",
        "_expected",
        "_head",
        "_mint",
        "_offer",
        "_openings",
        "_path",
        "_reader",
        "_sequence",
        "_transport",
        "booted",
        "due",
        "opened",
        "then",
        "wanted",
    )

    def __init__(self, number: int, mint: Mint, offer: Offer, count: Count) -> None:
        self._mint = mint
        self._offer = offer
        self._count = count
        self._path = f"/CP-{number:05d}"
        self._openings = mint.openings(number)
        self._sequence = 0
        self._expected = b""
        self._head = b""
        self._reader = Reader()
        self._transport: asyncio.Transport | None = None
        self.opened: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.booted = False
        self.then: Callable[[Station], None] = idle
        self.due = 0.0
        """When the open call was wanted, on the monotonic clock; uvloop's own counts whole milliseconds."""
        self.wanted: deque[float] = deque()
        """Calls that became due while another was open."""

    @property
    def busy(self) -> bool:
        """Tell whether a call is open."""
        return bool(self._expected)

    @property
    def connected(self) -> bool:
        """Tell whether the handshake is done and the connection stands."""
        return self._transport is not None and self.opened.done()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        linger_not(transport)
        assert self._transport is not None
        self._transport.write(self._offer.request(self._path, "127.0.0.1"))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is None:
            return
        self._transport = None
        if self.opened.done():
            self._count.broken += 1
        else:
            self.opened.set_result(False)

    def leave(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            transport, self._transport = self._transport, None
            transport.abort()

    def call(self, kind: Kind | None = None) -> None:
        """Send the next call; by default of the kind whose turn it is."""
        if self._transport is None:
            return
        sequence = self._sequence
        self._sequence = sequence + 1
        kind = kind or PATTERN[sequence % len(PATTERN)]
        frame, self._expected = self._mint.mint(kind, self._openings, sequence)
        self._count.sent += 1
        self._transport.write(frame)

    def data_received(self, data: bytes) -> None:
        if data == self._expected:
            self._expected = b""
            self._count.answered += 1
            self.then(self)
        elif self.opened.done():
            self._slowly(data)
        else:
            self._handshake(data)

    def _handshake(self, data: bytes) -> None:
        self._head += data
        head, found, rest = self._head.partition(END)
        if not found:
            return
        self.opened.set_result(self._offer.taken(head + END))
        if rest:
            self._slowly(rest)

    def _slowly(self, data: bytes) -> None:
        for opcode, payload in self._reader.feed(data):
            if opcode == 1:
                self._text(payload)
            elif opcode in {8, 9} and self._transport is not None:
                self._transport.write(control(opcode + (opcode == 9), payload, masked=True))

    def _text(self, text: bytes) -> None:
        if self._expected and text == self._expected[2:]:  # answers are shorter than 126 bytes: a head of two
            self._expected = b""
            self._count.answered += 1
            self.then(self)
        elif text.startswith(b'[3,"') and 0 <= sequence_of(text[ID_AT:ID_END]) < self._sequence - self.busy:
            self._count.doubled += 1
        else:
            self._count.wrong += 1


def idle(station: Station) -> None:
    """Do nothing after an answer."""


def linger_not(transport: asyncio.BaseTransport) -> None:
    """Let the connection end with a reset, so that its port is free at once."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)


class Obliging(Station):
    """A station that does what it is asked."""

    __slots__ = ()

    def _text(self, text: bytes) -> None:
        if not text.startswith(b'[2,"') or self._transport is None:
            super()._text(text)
            return
        answer = b'[3,"%b",{"status":"Accepted"}]' % text[ID_AT : text.index(b'"', ID_AT)]
        self._transport.write(head(len(answer), True) + bytes(4) + answer)  # a mask of zeros


class Secured(asyncio.Protocol):
    """TLS under a station, with OpenSSL's own buffers only: an event loop's TLS holds 256 kB a connection."""

    __slots__ = ("_inner", "_input", "_output", "_ready", "_tls", "_transport")

    def __init__(self, inner: Station, context: ssl.SSLContext) -> None:
        self._inner = inner
        self._input, self._output = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._input, self._output, server_hostname="localhost")
        self._ready = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        linger_not(transport)
        self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._ready:
            self._inner.connection_lost(exc)
        elif not self._inner.opened.done():
            self._inner.opened.set_result(False)

    def data_received(self, data: bytes) -> None:
        self._input.write(data)
        self._advance()

    def write(self, data: bytes) -> None:
        """Encrypt and send: what the station takes for its transport."""
        self._tls.write(data)
        self._flush()

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def get_extra_info(self, name: str) -> Any:
        """Have no socket to give: it was prepared here."""
        return None

    def _advance(self) -> None:
        with contextlib.suppress(ssl.SSLWantReadError):
            if not self._ready:
                self._tls.do_handshake()
                self._ready = True
                self._inner.connection_made(self)  # type: ignore[arg-type]
            while data := self._tls.read(65536):
                self._inner.data_received(data)
        self._flush()

    def _flush(self) -> None:
        if self._output.pending and self._transport is not None:
            self._transport.write(self._output.read())


class Fleet:
    """All stations of one process."""

    def __init__(self, task: Message) -> None:
        self._task = task
        self._loop = asyncio.get_running_loop()
        self.mint, self.offer, self.count = Mint(), Offer(), Count()
        self._context = trusting() if task["tls"] else None
        self._kind = Obliging if task.get("obliging") else Station
        self.stations: list[Station] = []
        self._latencies: list[float] = []
        self._refused = 0

    async def answer(self, message: Message) -> Message:
        """Do one of the things that the bench asks for."""
        match message["do"]:
            case "open":
                return await self._open(message["stations"], message["together"])
            case "boot":
                return await self._boot()
            case "leave":
                self.leave()
                self.stations.clear()
            case "load":
                return await self._load(message["start"], message["from"], message["to"])
            case "pace":
                return await self._pace(message)
        return asdict(self.count)

    async def _open(self, stations: int, together: int) -> Message:
        first = self._task["first"] + len(self.stations)
        numbers = iter(range(first, first + stations))

        async def opener() -> None:
            for number in numbers:
                if self._refused > GIVEN_UP:
                    return
                await self._connect(number)

        async with asyncio.TaskGroup() as group:
            for _ in range(together):
                group.create_task(opener())
        return {"opened": sum(1 for station in self.stations if station.connected and station.opened.result())}

    async def _connect(self, number: int) -> None:
        station = self._kind(number, self.mint, self.offer, self.count)
        self.stations.append(station)
        source = (f"127.0.0.{2 + number % SOURCES}", 0)
        context = self._context
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(HANDSHAKE):
                await self._loop.create_connection(
                    lambda: station if context is None else Secured(station, context),
                    "127.0.0.1",
                    self._task["port"],
                    local_addr=source,
                )
                if await station.opened:
                    return
        self._refused += 1

    async def _boot(self) -> Message:
        for station in self.stations:
            if not station.booted:
                station.booted = True
                station.call(BOOT)
        lost = await self._quiet()
        return asdict(self.count) | {"lost": lost}

    async def _quiet(self) -> int:
        until = monotonic() + PATIENCE
        while monotonic() < until and any(station.busy for station in self.stations):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        return sum(station.busy for station in self.stations)

    async def _load(self, start: float, first: float, last: float) -> Message:
        await self._until(start)
        for station in self.stations:
            station.then = Station.call
            station.call()
        await self._until(first)
        begun, before = monotonic(), self.count.answered
        await self._until(last)
        seconds, answered = monotonic() - begun, self.count.answered - before
        for station in self.stations:
            station.then = idle
        lost = await self._quiet()
        return asdict(self.count) | {"lost": lost, "seconds": seconds, "in_window": answered}

    async def _pace(self, message: Message) -> Message:
        latencies: list[float] = []
        self._latencies = latencies
        for station in self.stations:
            station.then = self._timed
        pace = Pace(self.stations, message["rate"], message["from"], message["to"])
        await self._until(message["start"])
        await pace.run(self._loop, awake=self._task["spin"])
        behind = sum(len(station.wanted) for station in self.stations)
        lost = await self._quiet()
        left = sum(len(station.wanted) for station in self.stations)
        latencies.sort()
        found = {name: percentile(latencies, part) * 1e6 for name, part in PERCENTILES.items()}
        return asdict(self.count) | {"lost": lost, "unsent": left, "behind": behind, "wanted": pace.wanted, **found}

    def _timed(self, station: Station) -> None:
        now = monotonic()
        if station.due >= 0:
            self._latencies.append(now - station.due)
        if station.wanted:
            station.due = station.wanted.popleft()
            station.call()

    async def _until(self, moment: float) -> None:
        await asyncio.sleep(max(0.0, moment - monotonic()))

    def leave(self) -> None:
        """End all connections."""
        for station in self.stations:
            station.leave()


PERCENTILES = {"p50": 0.5, "p99": 0.99, "p999": 0.999, "max": 1.0}


class Pace:
    """A fixed rate of calls at random moments (Poisson, the same for every contender), over stations in turn.

    A call whose station is still busy waits, and its latency counts from when it was wanted.
    """

    def __init__(self, stations: list[Station], rate: float, first: float, last: float) -> None:
        self._stations = stations
        self._rate = rate
        self._first, self._last = first, last
        self._random = Random(rate)
        self._turn = 0
        self.wanted = 0
        """Calls that became due within the window."""

    async def run(self, loop: asyncio.AbstractEventLoop, awake: bool) -> None:
        """Send until the window is over; a loop that is awake keeps moments finer than a timer's millisecond."""
        done = loop.create_future()
        due = monotonic()

        def tick() -> None:
            nonlocal due
            now = monotonic()
            while due <= now:
                self._send(due if due >= self._first else -1.0, now)
                due += self._random.expovariate(self._rate)
            if now > self._last:
                done.set_result(None)
            elif awake:
                loop.call_soon(tick)
            else:
                loop.call_later(0.001, tick)

        tick()
        await done

    def _send(self, due: float, now: float) -> None:
        station = self._stations[self._turn]
        self._turn = (self._turn + 1) % len(self._stations)
        self.wanted += due >= 0
        if station.busy or station.wanted:
            station.wanted.append(due)
            return
        # The generator's own delay is not the proxy's: a station that is free calls now.
        station.due = now if due >= 0 else due
        station.call()


def trusting() -> ssl.SSLContext:
    """Make a TLS context that takes any certificate: the proxy's is made for the run."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def main() -> None:
    """Play the stations until the bench has no more to ask."""
    fleet = Fleet(job())
    await serve(fleet.answer)
    fleet.leave()


if __name__ == "__main__":
    sys.exit(run(main))
