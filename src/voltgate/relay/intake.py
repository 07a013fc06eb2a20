"""What a backend asks of one station: how much of it is taken, and what is refused, said once for many of a kind."""

from __future__ import annotations

from typing import Protocol, TypeAlias

from voltgate.ocpp.messages import Call, Reply, Respond
from voltgate.ocpp.silence import overloaded
from voltgate.relay.backend import Backend
from voltgate.relay.events import CommandRefused
from voltgate.relay.ledger import Ledger
from voltgate.relay.merging import Merging
from voltgate.relay.ports import Ports, SessionSettings
from voltgate.relay.rate import Bucket

_MOST_KINDS = 16
"""Kinds of refusals that are told apart within a minute."""
_LONGEST = 100

_Refusal: TypeAlias = tuple[Call, Reply, str]
"""A call, what its asker is answered, and why."""


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


class Intake:
    """Meters the calls of one backend to one station, and says what is refused."""

    __slots__ = ("_bytes", "_calls", "_line", "_refusals")

    def __init__(self, line: Line) -> None:
        pace = line.host.settings.commands
        self._line = line
        self._calls = Bucket(pace.calls, pace.burst)
        self._bytes = Bucket(pace.bytes, pace.bytes_burst)
        self._refusals: Merging[_Refusal] | None = None

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
        if self._refusals is None:
            self._refusals = Merging(self._line.host.ports.wheel, self._line.now, self._tell, _MOST_KINDS)
        self._refusals.add((call.action[:_LONGEST], why), (call, reply, why))

    def _tell(self, refusal: _Refusal, times: int, more: str) -> None:
        line, (call, reply, why) = self._line, refusal
        line.ledger.audit(line.backend.name, call, "refused", reply, why + more)
        event = CommandRefused(line.host.identity, line.backend.name, call.action[:_LONGEST], why + more, times)
        line.host.ports.listen(event)

    def end(self) -> None:
        """Say what has not been said yet."""
        if self._refusals is not None:
            self._refusals.end()
