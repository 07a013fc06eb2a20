"""The bench's SOAP stations, a process of their own: each posts its next call when the last is answered, and checks it.

Each keeps one HTTP/1.1 connection, as the SOAP stacks of chargers do.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict
from functools import partial
from time import monotonic

from bench.envelopes import Calls, Cut, Messages
from bench.generator import HANDSHAKE, PATIENCE, Count, linger_not
from bench.worker import Message, job, run, serve

OK = b"HTTP/1.1 200"
PATH = "/ocpp/soap"


class Station(asyncio.Protocol):
    """One SOAP station: at most one open call, of whose answer it knows the id and the body."""

    __slots__ = ("_body", "_calls", "_count", "_id", "_messages", "_sequence", "_transport", "going")

    def __init__(self, number: int, count: Count) -> None:
        self._calls = Calls(number, PATH)
        self._count = count
        self._id = self._body = b""
        self._sequence = 0
        self._messages = Messages()
        self._transport: asyncio.Transport | None = None
        self.going = False
        """Whether an answer is followed by the next call."""

    @property
    def busy(self) -> bool:
        """Tell whether a call is open."""
        return bool(self._id)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        linger_not(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._transport = None
            self._count.broken += 1

    def leave(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            transport, self._transport = self._transport, None
            transport.abort()

    def call(self) -> None:
        """Post the next call."""
        if self._transport is None:
            return
        request, self._id, self._body = self._calls.call(self._sequence)
        self._sequence += 1
        self._count.sent += 1
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        try:
            found = self._messages.feed(data)
        except Cut:
            self._count.wrong += 1
            self.leave()
            return
        if found is not None:
            self._answered(*found)

    def _answered(self, data: bytes, start: int) -> None:
        if not self._id:
            self._count.doubled += 1
            return
        if data.startswith(OK) and data.find(self._id, start) > 0 and data.rstrip().endswith(self._body):
            self._count.answered += 1
        else:
            self._count.wrong += 1
        self._id = b""
        if self.going:
            self.call()


class Fleet:
    """All SOAP stations of one process."""

    def __init__(self, task: Message) -> None:
        self._task = task
        self.count = Count()
        self.stations: list[Station] = []

    async def answer(self, message: Message) -> Message:
        """Do one of the things that the bench asks for."""
        match message["do"]:
            case "open":
                return await self._open(message["stations"])
            case "load":
                return await self._load(message["start"], message["from"], message["to"])
        return asdict(self.count)

    async def _open(self, stations: int) -> Message:
        """Connect, and let each station make one call: whoever answers knows them all then."""
        loop = asyncio.get_running_loop()
        for number in range(self._task["first"], self._task["first"] + stations):
            station = Station(number, self.count)
            async with asyncio.timeout(HANDSHAKE):
                await loop.create_connection(partial(_itself, station), "127.0.0.1", self._task["port"])
            station.call()
            self.stations.append(station)
        lost = await self._quiet()
        return {"opened": len(self.stations) - lost}

    async def _load(self, start: float, first: float, last: float) -> Message:
        await _until(start)
        for station in self.stations:
            station.going = True
            station.call()
        await _until(first)
        begun, before = monotonic(), self.count.answered
        await _until(last)
        seconds, answered = monotonic() - begun, self.count.answered - before
        for station in self.stations:
            station.going = False
        lost = await self._quiet()
        return asdict(self.count) | {"lost": lost, "seconds": seconds, "in_window": answered}

    async def _quiet(self) -> int:
        until = monotonic() + PATIENCE
        while monotonic() < until and any(station.busy for station in self.stations):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        return sum(station.busy for station in self.stations)

    def leave(self) -> None:
        """End all connections."""
        for station in self.stations:
            station.leave()


def _itself(station: Station) -> Station:
    return station


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - monotonic()))


async def main() -> None:
    """Play the stations until the bench has no more to ask."""
    fleet = Fleet(job())
    await serve(fleet.answer)
    fleet.leave()


if __name__ == "__main__":
    sys.exit(run(main))
