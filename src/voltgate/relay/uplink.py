"""An uplink: the link of one leg, which is dialled, lost, and dialled back."""

from __future__ import annotations

import enum
from typing import Protocol

from voltgate.ocpp.close_codes import GOING_AWAY, NORMAL
from voltgate.ocpp.messages import FOREVER
from voltgate.relay.backend import Backend
from voltgate.relay.carrier import DialledWire
from voltgate.relay.events import LegClosed, LegDown, LegUp
from voltgate.relay.ports import Ports

_STEADY = 10.0
"""Seconds that a link must last before its next loss counts as the first failure again."""


class State(enum.Enum):
    """Where a leg stands."""

    IDLE = "idle"
    DIALLING = "dialling"
    UP = "up"
    AWAY = "away"
    ENDED = "ended"


class Stay(Protocol):
    """What an uplink needs of the session."""

    ports: Ports

    @property
    def dialling_paused(self) -> bool:
        """Whether no link is dialled back."""

    @property
    def station_full(self) -> bool:
        """Whether the station does not read."""

    @property
    def identity(self) -> str:
        """The station's identity."""


class Side(Protocol):
    """What an uplink needs of its leg."""

    backend: Backend
    retired: bool

    @property
    def host(self) -> Stay:
        """The session that the leg is in now."""

    def dial(self) -> None:
        """Open the link."""

    def went_up(self, wire: DialledWire, *, back: bool) -> None:
        """Speak on a link that is open; `back` if it was there before, or could not be opened before."""

    def went_away(self, now: float) -> None:
        """Take back what was open on a link that is lost."""

    def stays_away(self) -> None:
        """Do without a link that was lost, or not opened."""


class Uplink:
    """One leg's link, and when it is dialled again. `since` is when it came, or went."""

    __slots__ = ("_due", "_leg", "_was_up", "failures", "since", "state", "wire")

    def __init__(self, leg: Side) -> None:
        self._leg = leg
        self.state = State.IDLE
        self.wire: DialledWire | None = None
        self.since = leg.host.ports.clock()
        self.failures = 0
        """How often in a row it was lost soon, or could not be opened."""
        self._due = FOREVER
        self._was_up = False

    @property
    def away_for(self) -> float:
        """The seconds since the link was lost, or since the session began without it; 0 while it is open."""
        return 0.0 if self.state is State.UP else self._leg.host.ports.clock() - self.since

    @property
    def wanted(self) -> bool:
        """Whether it is still to be opened when a dial's turn comes: the station may have gone, or come again."""
        return self.state is State.DIALLING and not self._leg.host.dialling_paused

    def start(self) -> None:
        """Dial, unless that is under way, done, or waiting for its time."""
        if self.state is State.IDLE:
            self._dial()

    def _dial(self) -> None:
        self.state = State.DIALLING
        self._leg.dial()

    def opened(self, wire: DialledWire) -> None:
        """Take the link that was dialled, and start it for the leg's `receiver`."""
        if self.state is State.ENDED:
            wire.close(GOING_AWAY, "The station has gone")
            return
        leg, host = self._leg, self._leg.host
        back, self._was_up = self._was_up, True
        self.wire, self.state, self.since = wire, State.UP, host.ports.clock()
        leg.backend.up += 1
        if host.station_full:
            wire.pause()
        leg.went_up(wire, back=back or self.failures > 0)
        if self.wire is wire and not wire.shared:
            host.ports.listen(LegUp(host.identity, leg.backend.name, not back))

    def failed(self, reason: str, *, shared: bool) -> None:
        """Take note that dialling came to nothing; `shared` if the carrier reports that for all its stations."""
        if self.state is not State.ENDED:
            self._down(reason, shared=shared)

    def lost(self, code: int, reason: str) -> None:
        """Take note that the link has ended."""
        wire, self.wire = self.wire, None
        if self.state is not State.UP or wire is None:
            return
        now = self._leg.host.ports.clock()
        self.state = State.AWAY
        self._leg.backend.up -= 1
        if now - self.since >= _STEADY:
            self.failures = 0
        self.since = now
        self._leg.went_away(now)
        if self.state is State.AWAY:  # those who were told that there is no answer may have ended the session
            self._down(f"closed {code} {reason}".strip(), shared=wire.shared)

    def _down(self, reason: str, *, shared: bool) -> None:
        leg, host = self._leg, self._leg.host
        self.state = State.AWAY
        self.failures += 1
        retry = None if leg.retired else leg.backend.settings.retry.delay(self.failures, host.ports.draw)
        if retry is not None:
            retry = 0.0 if host.dialling_paused else retry
            host.ports.wheel.off(self._due, self.try_again)
            self._due = host.ports.clock() + retry
            host.ports.wheel.at(self._due, self.try_again)
        if not shared:
            host.ports.listen(LegDown(host.identity, leg.backend.name, reason, retry))
        leg.stays_away()

    def try_again(self, now: float) -> None:
        """Dial when it is time: a wake of old may come before, and a newcomer's handshake must not cause a dial."""
        leg = self._leg
        if self.state is State.AWAY and now >= self._due and not leg.host.dialling_paused:
            self._due = FOREVER
            self._dial()

    def end(self, reason: str) -> None:
        """Close the link for good."""
        was_up = self.state is State.UP
        self.state = State.ENDED
        self._leg.host.ports.wheel.off(self._due, self.try_again)
        wire, self.wire = self.wire, None
        if was_up and wire is not None:
            self._leg.backend.up -= 1
            wire.close(NORMAL, reason)
            if not wire.shared:
                self._leg.host.ports.listen(LegClosed(self._leg.host.identity, self._leg.backend.name, reason))
