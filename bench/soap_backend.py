"""The bench's SOAP central system, a process of its own: answers at once, and notices what is missing or changed."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict, dataclass, field
from functools import partial

from bench.backend import BACKLOG, CHECKED_EACH
from bench.envelopes import PATTERN, Answers, Cut, Messages, body, identity, number
from bench.worker import job, run, serve

MARK = b"MessageID>"


@dataclass(slots=True)
class Tally:
    """What came."""

    links: int = 0
    """Connections that are open."""
    calls: int = 0
    out_of_order: int = 0
    """Calls whose number is not the one after the station's last: something was lost, doubled or overtaken."""
    wrong: int = 0
    """Messages that no station sent."""
    following: dict[int, int] = field(default_factory=dict)
    """The number that each station's next call has."""


class Link(asyncio.Protocol):
    """One HTTP connection, whatever stations come by it."""

    __slots__ = ("_answers", "_messages", "_tally", "_transport")

    def __init__(self, tally: Tally, answers: Answers) -> None:
        self._tally = tally
        self._answers = answers
        self._messages = Messages()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._tally.links += 1
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self._tally.links -= 1
        self._transport = None

    def data_received(self, data: bytes) -> None:
        try:
            found = self._messages.feed(data)
        except Cut:
            self._refuse()
            return
        if found is not None:
            self._called(*found)

    def _called(self, data: bytes, start: int) -> None:
        tally = self._tally
        at = data.find(MARK, start) + len(MARK)
        message_id = data[at : data.find(b"<", at)]
        station, sequence = number(message_id)
        if sequence < 0:
            self._refuse()
            return
        if sequence != tally.following.get(station, 0):
            tally.out_of_order += 1
        tally.following[station] = sequence + 1
        if sequence % CHECKED_EACH == 0 and not same(station, sequence, data[start:]):
            tally.wrong += 1
        tally.calls += 1
        if self._transport is not None:
            self._transport.write(self._answers.answer(message_id, sequence))

    def _refuse(self) -> None:
        self._tally.wrong += 1
        if self._transport is not None:
            self._transport.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            self._transport.close()


def same(station: int, sequence: int, envelope: bytes) -> bool:
    """Tell whether the body is the one that the station sent, byte by byte, and the identity its own."""
    name = identity(station)
    sent = PATTERN[sequence % len(PATTERN)].call(name, "")
    return body(envelope) == body(sent) and f">{name}<".encode() in envelope


async def main() -> None:
    """Listen, and report the tally when asked."""
    loop = asyncio.get_running_loop()
    tally = Tally()
    factory = partial(Link, tally, Answers())
    port = job()["ports"]["answer"]
    await loop.create_server(factory, "127.0.0.1", port, reuse_port=True, backlog=BACKLOG)

    async def answer(_: dict[str, object]) -> dict[str, object]:
        found = asdict(tally)
        del found["following"]
        return {"answer": found}

    await serve(answer)


if __name__ == "__main__":
    sys.exit(run(main))
