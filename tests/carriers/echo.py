"""An echo on our own carrier: a door whose receiver says what it hears, for far ends that others wrote."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from voltgate.carriers.handshake import Admitted, Handshake, Refused
from voltgate.carriers.websocket.link import Link
from voltgate.carriers.websocket.listener import Listener, ListenerSettings
from voltgate.ocpp.messages import FOREVER
from voltgate.ocpp.wheel import Wheel

DEADLINE = 20.0


@dataclass
class Echo:
    """A receiver that sends back what it gets, and keeps what happened."""

    link: Link | None = None
    heard: list[bytes] = field(default_factory=list)
    frames: list[bytes | None] = field(default_factory=list)
    ended: asyncio.Future[tuple[int, str]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    writable_now: bool = True
    answers: bool = True

    def received(self, text: bytes, frame: bytes | None, now: float, until: float = FOREVER) -> None:
        """Send it back."""
        if text == b"fail":
            raise RuntimeError("a fault of ours")
        self.heard.append(text)
        self.frames.append(frame)
        if self.answers and self.link is not None:
            self.link.send(text)

    def lost(self, code: int, reason: str) -> None:
        """Keep how it ended: exactly once."""
        self.ended.set_result((code, reason))

    def writable(self, yes: bool) -> None:
        """Keep whether the far end reads."""
        assert yes is not self.writable_now
        self.writable_now = yes


@dataclass
class House:
    """A door with echoes behind it."""

    listener: Listener
    wheel: Wheel
    echoes: list[Echo]
    faults: list[Exception]
    knocks: list[Handshake]

    @property
    def address(self) -> str:
        """The host and port."""
        return f"127.0.0.1:{self.listener.port}"


Judge = Callable[[Handshake], Admitted | Refused | None]


@contextlib.asynccontextmanager
async def house(settings: ListenerSettings, judge: Judge | None = None) -> AsyncIterator[House]:
    """Open a door on a free port; whoever comes gets an echo unless `judge` says otherwise."""
    wheel = Wheel(time.monotonic(), 0.02)
    echoes: list[Echo] = []
    faults: list[Exception] = []
    knocks: list[Handshake] = []

    async def admit(handshake: Handshake) -> Admitted | Refused:
        knocks.append(handshake)
        verdict = judge(handshake) if judge is not None else None
        return verdict or Admitted(handshake.offered[0] if handshake.offered else None, opened)

    def opened(link: Link) -> Echo:
        echo = Echo(link)
        echoes.append(echo)
        return echo

    listener = Listener(settings, admit, wheel, time.monotonic, report=lambda fault, _: faults.append(fault))
    await listener.open()
    ticking = asyncio.ensure_future(tick(wheel))
    try:
        yield House(listener, wheel, echoes, faults, knocks)
    finally:
        await listener.close()
        for echo in echoes:
            if echo.link is not None:
                echo.link.abort("the test is over")
        await asyncio.sleep(0.05)
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)


async def tick(wheel: Wheel) -> None:
    """Tick a wheel until cancelled."""
    while True:
        wheel.tick(time.monotonic())
        await asyncio.sleep(0.02)


async def until(holds: Callable[[], object], what: str) -> None:
    """Poll until something holds."""
    end = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < end, f"waited in vain: {what}"
        await asyncio.sleep(0.01)
