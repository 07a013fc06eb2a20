"""What waits for one backend: for its link, or for its turn on it. Calls wait in the station's own words."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from voltgate.ocpp.fair_queue import FairQueue
from voltgate.ocpp.messages import FOREVER, Call, Reply, Unanswered
from voltgate.ocpp.silence import expired, gone, overloaded
from voltgate.ocpp.turn_ports import Left
from voltgate.ocpp.turns import Turns
from voltgate.relay.asked import Asked, Told
from voltgate.relay.backend import Backend
from voltgate.relay.carrier import DialledWire

Entry: TypeAlias = Asked | Told


class Link(Protocol):
    """What a queue needs to know of a link."""

    since: float
    """When it came, or went; without any, when the session began."""
    wire: DialledWire | None


class Line(Protocol):
    """What a queue needs of its leg."""

    backend: Backend
    turns: Turns

    @property
    def link(self) -> Link:
        """Its link."""

    def now(self) -> float:
        """Return the seconds of the wheel."""

    def watch(self, when: float) -> None:
        """Call `expire` at this time."""

    def send(self, asked: Asked) -> None:
        """Send a call that the backend is to answer."""

    def settled(self, asked: Asked, reply: Reply) -> None:
        """Take the reply to such a call."""

    def send_told(self, told: Told) -> None:
        """Send a copy."""

    def told(self, reply: Reply) -> None:
        """End a copy's reply."""


class Waiting:
    """The calls that one leg keeps until they can be sent, bounded, each with a deadline.

    First goes what a lost link left open, under the ids that it had; then the askers take turns. For the link a call
    waits no longer than the backend's `wait`.
    """

    __slots__ = ("_left", "_line", "_queue")

    def __init__(self, line: Line) -> None:
        settings = line.backend.settings
        self._line = line
        self._left: deque[Left] = deque()
        self._queue: FairQueue[Entry] = FairQueue(settings.waiting, settings.waiting_bytes)

    def __len__(self) -> int:
        return len(self._left) + len(self._queue)

    def add(self, entry: Entry) -> None:
        """Keep a call; beyond the bounds it is refused."""
        if self._queue.add(entry):
            self._line.watch(self._until(entry.call))
        else:
            self._line.backend.counts.overloaded += 1
            self._end(entry, overloaded())

    def leave_open(self, left: Sequence[Left]) -> None:
        """Keep what a lost link left open; what waits already waits for the next link from now on."""
        self._left.extendleft(reversed(left))  # they were sent before what a link before that one had left
        self._look_out()

    def holds(self, action: str) -> bool:
        """Return whether a call of this action waits."""
        return any(entry.call.action == action for entry in (*self._left, *self._queue))

    def take(self, chosen: Callable[[Asked], bool]) -> list[Asked]:
        """Remove and return, in order, the calls that were never sent and are `chosen`."""
        taken = self._queue.take(lambda entry: isinstance(entry, Asked) and chosen(entry))
        self._look_out()  # without the link the rest may wait less long than it might before
        return [entry for entry in taken if isinstance(entry, Asked)]

    def adopt(self, asker: object) -> None:
        """Let what waits belong to one asker: the station's sessions before and after are one."""
        for entry in self._queue.take(lambda _: True):
            entry.call.asker = asker
            self.add(entry)

    def take_told(self) -> list[Told]:
        """Remove and return, in order, the copies that were never sent."""
        return [entry for entry in self._queue.take(lambda entry: isinstance(entry, Told)) if isinstance(entry, Told)]

    def pump(self, now: float) -> None:
        """Send all that a lost link left open, as far as there is room, then one call."""
        while self._left and self._line.turns.free:
            self._send(self._left.popleft(), now)
        if self._queue and self._line.turns.free:
            self._send(self._queue.pop(), now)

    def _send(self, entry: Entry | Left, now: float) -> None:
        if entry.call.deadline <= now:
            self._end(entry, expired())
        elif isinstance(entry, Left):
            self._line.turns.resend(entry)
        elif isinstance(entry, Asked):
            self._line.send(entry)
        else:
            self._line.send_told(entry)

    def end(self, reason: str) -> None:
        """Give up everything that waits."""
        left, self._left = self._left, deque()
        for entry in (*left, *self._queue.take(lambda _: True)):
            self._end(entry, gone(reason))

    # Time.

    def _until(self, call: Call) -> float:
        """Return the time until which a call waits."""
        line = self._line
        if line.link.wire is not None:
            return call.deadline
        return min(call.deadline, max(call.at, line.link.since) + line.backend.settings.wait)

    def _look_out(self) -> None:
        self._line.watch(min((self._until(entry.call) for entry in (*self._left, *self._queue)), default=FOREVER))

    def expire(self, now: float) -> None:
        """End what has waited for too long; it is never sent."""
        late = [left for left in self._left if self._until(left.call) <= now]
        for left in late:
            self._left.remove(left)
        for entry in (*late, *self._queue.take(lambda entry: self._until(entry.call) <= now)):
            self._end(entry, self._expired(entry.call, now))
        self._look_out()

    def _expired(self, call: Call, now: float) -> Unanswered:
        if self._line.link.wire is not None:
            return expired()
        return gone(f"Waited {now - call.at:.0f} s for a connection")

    def _end(self, entry: Entry | Left, reply: Unanswered) -> None:
        line = self._line
        match entry:
            case Asked():
                line.backend.calls.observe(entry.call, reply, line.now())
                line.settled(entry, reply)
            case Left():
                line.turns.tell(entry.call, entry.respond, reply, line.now())
            case _:
                line.backend.calls.observe(entry.call, reply, line.now())
                line.told(reply)
