"""A line to test turns on: turns at one end, the test at the other, and a clock that is moved by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from voltgate.ocpp.counts import Counts
from voltgate.ocpp.dialect import Dialect
from voltgate.ocpp.messages import CALL, SEND, Call, Reply, Respond, Result, Unanswered
from voltgate.ocpp.turn_ports import Bounds, Left
from voltgate.ocpp.turns import Turns
from voltgate.ocpp.wheel import Wheel

START = 1000.0


class Wire:
    """What turns send on one connection, as the far end gets it."""

    def __init__(self, clock: Callable[[], float] = lambda: START) -> None:
        self._clock = clock
        self.sent: list[bytes] = []
        self.frames: list[bytes | None] = []
        self.times: list[float] = []

    def send(self, text: bytes, frame: bytes | None = None) -> None:
        """Take one message."""
        self.sent.append(text)
        self.frames.append(frame)
        self.times.append(self._clock())

    def take(self) -> list[Any]:
        """Give what was sent since the last time, parsed."""
        sent, self.sent, self.times = self.sent, [], []
        return [json.loads(text) for text in sent]


class Heard(list[Reply]):
    """The replies that one asker heard."""

    @property
    def only(self) -> Reply:
        """The one reply; there must be exactly one."""
        (reply,) = self
        return reply

    @property
    def short(self) -> str | None:
        """What was heard, in a word: the payload of a result, the reason of an Unanswered, the code of an error."""
        if not self:
            return None
        reply = self.only
        if isinstance(reply, Result):
            return bytes(reply.payload).decode()
        return reply.reason.value if isinstance(reply, Unanswered) else reply.code


class Line:
    """Turns, a wire, and a clock."""

    def __init__(self, version: str = "ocpp1.6", bounds: Bounds | None = None, **settings: Any) -> None:
        self.now = START
        self.wheel = Wheel(START)
        self.counts = Counts()
        self.called: list[tuple[Call, Respond]] = []
        self.observed: list[tuple[str, Reply]] = []
        self.turns = Turns(
            Dialect(version, **settings),
            lambda call, respond: self.called.append((call, respond)),
            "far end",
            bounds or Bounds(),
            self.wheel,
            self.counts,
            lambda call, reply, now: self.observed.append((call.id, reply)),
        )
        self.wire = Wire()

    def connect(self, first: Call | None = None) -> Wire:
        """Open a connection."""
        self.wire = Wire(lambda: self.now)
        self.turns.connect(self.wire)
        if first is not None:
            self.turns.ask(first, lambda reply: self.turns.go_on(self.now))
            self.turns.hold()
        return self.wire

    def call(self, message_id: str = "1", asker: object = "a", patience: float = 30.0, **more: Any) -> Call:
        """Make a call that arrives now."""
        kind = more.get("kind", CALL)
        action = more.get("action", "NotifyPeriodicEventStream" if kind == SEND else "Reset")
        payload = more.get("payload", b"{}")
        text = b'[%d,"%b","%b",%b]' % (kind, message_id.encode(), action.encode(), payload)
        call = Call(message_id, action, payload, text, kind)
        call.at, call.deadline, call.asker = self.now, self.now + patience, asker
        return call

    def ask(self, message_id: str = "1", asker: object = "a", patience: float = 30.0, **more: Any) -> Heard:
        """Ask, and give what will be heard."""
        heard = Heard()
        self.turns.ask(self.call(message_id, asker, patience, **more), heard.append)
        return heard

    def receive(self, text: bytes, frame: bytes | None = None) -> None:
        """Have the far end send a message."""
        self.turns.receive(text, frame, self.now)

    def result(self, message_id: str = "1", payload: bytes = b"{}") -> None:
        """Have the far end answer."""
        self.receive(b'[3,"%b",%b]' % (message_id.encode(), payload))

    def choke(self, *, choked: bool) -> None:
        """Fill or drain the write buffer of the connection."""
        self.turns.choke(self.now, choked=choked)

    def disconnect(self) -> list[Left]:
        """Lose the connection; return what it left open."""
        return self.turns.disconnect(self.now)

    def end(self) -> None:
        """End the turns."""
        self.turns.end("It is over", self.now)

    def wait(self, seconds: float) -> None:
        """Let time pass, in ticks."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(self.now + 0.1, until)
            self.wheel.tick(self.now)
