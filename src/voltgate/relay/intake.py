"""What a backend asks of one station: how much of it is taken, and what is refused, said once for many of a kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from voltgate.ocpp.messages import FOREVER, Call, Reply, Respond
from voltgate.ocpp.silence import overloaded
from voltgate.relay.backend import Backend
from voltgate.relay.events import CommandRefused
from voltgate.relay.ledger import Ledger
from voltgate.relay.ports import Ports, SessionSettings
from voltgate.relay.rate import Bucket

_A_MINUTE = 60.0
"""Seconds in which refusals of one kind are said once."""
_MOST_KINDS = 16
"""Kinds of refusals that are told apart in that time."""
_LONGEST = 100


class Station(Protocol):
    """The session of the station that is asked."""

    ports: Ports
    settings: SessionSettings

    @property
    def identity(self) -> str:
        """The station's identity."""


class Line(Protocol):
    """The leg of the backend that asks."""

    @property
    def backend(self) -> Backend:
        """The backend."""

    @property
    def host(self) -> Station:
        """The session that it is in now."""

    @property
    def ledger(self) -> Ledger:
        """What is kept of the station."""

    def now(self) -> float:
        """Return the seconds of the wheel."""


@dataclass(slots=True)
class _Kind:
    """Refusals of one kind: the last of them, and how many there are that nobody was told of."""

    call: Call
    reply: Reply
    why: str
    times: int = 0


class Intake:
    """Meters the calls of one backend to one station, and says what is refused."""

    __slots__ = ("_bytes", "_calls", "_due", "_kinds", "_line")

    def __init__(self, line: Line) -> None:
        pace = line.host.settings.commands
        self._line = line
        self._calls = Bucket(pace.calls, pace.burst)
        self._bytes = Bucket(pace.bytes, pace.bytes_burst)
        self._kinds: dict[tuple[str, str], _Kind] = {}
        self._due = FOREVER

    def takes(self, call: Call, respond: Respond) -> bool:
        """Return whether a call is taken; one beyond the rate is answered, unread."""
        if self._calls.allows(call.at) and self._bytes.allows(call.at, call.size):
            return True
        reply = overloaded()
        self.refused(call, reply, "more commands, or bytes of them, than limits allow one backend at one station")
        respond(reply)
        return False

    def refused(self, call: Call, reply: Reply, why: str) -> None:
        """Count what is refused, and have the first of its kind in a minute told at once; the others follow as one."""
        self._line.backend.refuse(call.action)
        name = (call.action[:_LONGEST], why)
        if name not in self._kinds and len(self._kinds) >= _MOST_KINDS:
            name = ("", "")
        known = self._kinds.get(name)
        if known is not None:
            known.call, known.reply, known.why, known.times = call, reply, why, known.times + 1
            return
        kind = self._kinds[name] = _Kind(call, reply, why)
        if self._due == FOREVER:
            self._due = self._line.now() + _A_MINUTE
            self._line.host.ports.wheel.at(self._due, self._expire)
        self._tell(kind, 1, why)

    def _tell(self, kind: _Kind, times: int, why: str) -> None:
        line, call = self._line, kind.call
        line.ledger.audit(line.backend.name, call, "refused", kind.reply, why)
        event = CommandRefused(line.host.identity, line.backend.name, call.action[:_LONGEST], why, times)
        line.host.ports.listen(event)

    def _expire(self, now: float) -> None:
        """Say how many there were; a kind of which there were none is forgotten."""
        self._due = FOREVER
        going_on = {name: kind for name, kind in self._kinds.items() if kind.times}
        for name, kind in going_on.items():
            others = "" if any(name) else "; as others of several kinds"
            self._tell(kind, kind.times, f"{kind.why} ({kind.times} times within a minute{others})")
            kind.times = 0
        self._kinds = going_on
        if going_on:
            self._due = now + _A_MINUTE
            self._line.host.ports.wheel.at(self._due, self._expire)

    def end(self) -> None:
        """Say what has not been said yet."""
        self._line.host.ports.wheel.off(self._due, self._expire)
        self._expire(self._line.now())
        self._line.host.ports.wheel.off(self._due, self._expire)
