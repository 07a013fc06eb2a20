"""The bench's backend, a process of its own: answers each call at once, and notices what is missing or changed."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict, dataclass
from functools import partial

from websockets.speedups import apply_mask

from bench.frames import BY_SIZE, ID_AT, ID_END, TEXT, Kind, Reader, control, head, sequence_of
from bench.handshake import END, welcome
from bench.worker import job, run, serve

CHECKED_EACH = 64
"""Of so many calls on a connection one is compared byte by byte with what the station sent."""
BACKLOG = 4096


@dataclass(slots=True)
class Tally:
    """What came to one port."""

    links: int = 0
    calls: int = 0
    out_of_order: int = 0
    """Calls whose number is not the one after the last: something was lost, doubled or overtaken."""
    wrong: int = 0
    """Messages that no station sent."""


ANSWERS: dict[int, tuple[Kind, bytes, bytes]] = {}
for _size, _kind in BY_SIZE.items():
    _blank = _kind.result(bytes(ID_END - ID_AT))
    ANSWERS[_size] = (_kind, head(len(_blank), False) + _blank[:ID_AT], _blank[ID_END:])


class Link(asyncio.Protocol):
    """One proxied station's connection, as its backend sees it."""

    __slots__ = ("_head", "_next", "_open", "_reader", "_tally", "_transport")

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._open = False
        self._head = b""
        self._next = 0
        self._reader = Reader()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self._tally.links -= self._open
        self._transport = None

    def data_received(self, data: bytes) -> None:
        if not self._open:
            self._handshake(data)
        elif data[0] == TEXT and len(data) > 8 and self._reader.idle and (size := payload_size(data)) in ANSWERS:
            at = len(data) - size
            mask = data[at - 4 : at]
            self._answer(size, apply_mask(data[at + ID_AT : at + ID_END], mask), data, at)
        else:
            self._slowly(data)

    def _handshake(self, data: bytes) -> None:
        self._head += data
        request, found, rest = self._head.partition(END)
        if not found or self._transport is None:
            return
        response = welcome(request + END)
        if not response:
            self._transport.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            self._transport.close()
            return
        self._open = True
        self._tally.links += 1
        self._transport.write(response)
        if rest:
            self.data_received(rest)

    def _slowly(self, data: bytes) -> None:
        for opcode, payload in self._reader.feed(data):
            if opcode == 1 and len(payload) in ANSWERS:
                self._answer(len(payload), payload[ID_AT:ID_END], payload, 0)
            elif opcode == 1:
                self._tally.wrong += 1
            elif self._transport is not None and opcode in {8, 9}:
                self._transport.write(control(opcode + (opcode == 9), payload, masked=False))

    def _answer(self, size: int, message_id: bytes, data: bytes, at: int) -> None:
        kind, before, after = ANSWERS[size]
        number = sequence_of(message_id)
        if number != self._next:
            self._tally.out_of_order += 1
        if number < 0 or (number % CHECKED_EACH == 0 and not same(kind, message_id, data, at)):
            self._tally.wrong += 1
        self._next = number + 1
        self._tally.calls += 1
        if self._transport is not None:
            self._transport.write(b"".join((before, message_id, after)))


def payload_size(data: bytes) -> int:
    """Give the payload's size when `data` is exactly one masked frame shorter than 64 KiB, else -1."""
    length = data[1] - 0x80
    if length < 126:
        return length if len(data) == length + 6 else -1
    length = data[2] << 8 | data[3]
    return length if data[1] == 0x80 | 126 and len(data) == length + 8 else -1


def same(kind: Kind, message_id: bytes, data: bytes, at: int) -> bool:
    """Tell whether the call is the one that the station sent, byte by byte."""
    text = apply_mask(data[at:], data[at - 4 : at]) if at else data
    return text == kind.call(message_id)


async def main() -> None:
    """Listen on each port given, one tally each, and report the tallies when asked."""
    loop = asyncio.get_running_loop()
    tallies = {name: Tally() for name in job()["ports"]}
    for name, port in job()["ports"].items():
        factory = partial(Link, tallies[name])
        await loop.create_server(factory, "127.0.0.1", port, reuse_port=True, backlog=BACKLOG)

    async def answer(_: dict[str, object]) -> dict[str, object]:
        return {name: asdict(tally) for name, tally in tallies.items()}

    await serve(answer)


if __name__ == "__main__":
    sys.exit(run(main))
