"""Gates: how many may dial one backend at a time, and how few once it hangs.

Newcomers have slots of their own, which sessions that dial again cannot fill. A backend that hangs is dialled by a few;
the others are told so at once, as if their connection had been refused, and go on to the next of the failover, or wait
as `retry` says.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

import structlog

from voltgate.relay.carrier import DialledWire, Verdict

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Slots:
    """How many may dial one backend at a time: newcomers, sessions, and `probes` of either while it hangs.

    It hangs when `in_a_row` dials came to nothing after `long` seconds or more, each without any answer of the backend
    to anybody from its beginning to its end. A refused connection, which costs no time, does not count, nor does a
    dial that had less than half of its time left when it was given its slot, or that its station gave up before
    `given_up` seconds: strangers choose when they hang up, and a backend may take its time for them.
    """

    newcomers: int = 128
    sessions: int = 128
    probes: int = 4
    in_a_row: int = 3
    long: float = 1.0
    given_up: float = 4.0


class Gate:
    """The dials to one backend of newcomers, or of sessions: so many are under way, the others wait in their order.

    While the backend hangs, nobody waits. When it answers again, each answer lets one more in at a time, until they
    are as many as before: their number doubles in the time that a dial takes.
    """

    __slots__ = ("_at_once", "_most", "_waiting", "hangs", "open", "put_off")

    def __init__(self, most: int) -> None:
        self._most = self._at_once = most
        self._waiting: OrderedDict[asyncio.Future[bool], None] = OrderedDict()
        self.open = 0
        """Dials under way."""
        self.hangs = False
        """Whether the backend does."""
        self.put_off = 0
        """Dials that were not made because the backend hung."""

    @property
    def waiting(self) -> int:
        """The number of dials that wait for a slot."""
        return len(self._waiting)

    async def enter(self, within: float) -> bool:
        """Take a slot; return False if there is none within so many seconds, or the backend hangs."""
        slot: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[slot] = None
        self._let_in()
        try:
            if not slot.done():
                await asyncio.wait((slot,), timeout=within if within < math.inf else None)
            return slot.done() and slot.result()
        except asyncio.CancelledError:
            if slot.done() and slot.result():
                self.leave()
            raise
        finally:
            self._waiting.pop(slot, None)

    def leave(self) -> None:
        """Give a slot back."""
        self.open -= 1
        self._let_in()

    def narrow(self, probes: int) -> None:
        """Let so many in at a time from now on: the backend hangs."""
        self.hangs = True
        self._at_once = probes
        self._let_in()

    def widen(self) -> None:
        """Let one more in at a time: the backend answers."""
        self.hangs = False
        self._at_once = min(self._at_once + 1, self._most)
        self._let_in()

    def _let_in(self) -> None:
        """Give those who wait what slots there are; while the backend hangs, turn the others away."""
        while self._waiting and (self.open < self._at_once or self.hangs):
            slot, _ = self._waiting.popitem(last=False)
            enters = self.open < self._at_once
            self.open += enters
            self.put_off += not enters
            slot.set_result(enters)


class Gates:
    """The two gates of one backend at one URL, and whether it hangs."""

    __slots__ = ("_answers", "_clock", "_name", "_slots", "newcomers", "sessions", "unanswered")

    def __init__(self, name: str, slots: Slots, clock: Callable[[], float]) -> None:
        self.newcomers = Gate(slots.newcomers)
        self.sessions = Gate(slots.sessions)
        self.unanswered = 0
        """Dials in a row that came to nothing after long."""
        self._name = name
        self._slots = slots
        self._clock = clock
        self._answers = 0

    @property
    def is_idle(self) -> bool:
        """Whether nobody dials, or waits to."""
        return not any(gate.open or gate.waiting for gate in (self.newcomers, self.sessions))

    async def through(
        self, gate: Gate, within: float, dial: Callable[[], Awaitable[DialledWire | Verdict]]
    ) -> DialledWire | Verdict:
        """Dial when there is a slot; it all takes so many seconds at most. Who was put off hears a `shared` verdict."""
        asked = self._clock()
        if not await gate.enter(within):
            if not gate.hangs:
                return Verdict(None, f"{self._name} is dialled by too many: no slot within {within:.3g} s")
            return Verdict(None, f"{self._name} hangs: {self.unanswered} dials in a row had no answer", shared=True)
        began, answers = self._clock(), self._answers
        left = within - (began - asked)
        is_fair = left >= within / 2
        result: DialledWire | Verdict | None = None
        try:
            async with asyncio.timeout(left if left < math.inf else None):
                result = await dial()
        except TimeoutError:
            result = Verdict(None, f"no answer within {within:.3g} s")
        finally:
            self._judge(result, began, answers, is_fair=is_fair)
            gate.leave()
        return result

    def _patience(self, result: DialledWire | Verdict | None) -> float:
        return self._slots.given_up if result is None else self._slots.long

    def _judge(self, result: DialledWire | Verdict | None, began: float, answers: int, *, is_fair: bool) -> None:
        """Learn from a dial. Without a result it was given up, as by a station that did not care to wait.

        One that spent most of its time in the wait for a slot says nothing by its silence: the backend may be slow.
        """
        if result is not None and _is_answer(result):
            self.answered()
        elif is_fair and answers == self._answers and self._clock() - began >= self._patience(result):
            self.unanswered += 1
            if self.unanswered == self._slots.in_a_row:
                log.warning("a backend hangs: only a few dial it until it answers", backend=self._name)
                self.newcomers.narrow(self._slots.probes)
                self.sessions.narrow(self._slots.probes)

    def answered(self) -> None:
        """Take note that the backend has answered somebody."""
        if self.newcomers.hangs:
            log.info("a backend that hung answers again", backend=self._name, unanswered=self.unanswered)
        self._answers += 1
        self.unanswered = 0
        self.newcomers.widen()
        self.sessions.widen()


def _is_answer(result: DialledWire | Verdict) -> bool:
    """Return whether a backend has said what came of a dial."""
    return not isinstance(result, Verdict) or (result.status is not None and not result.ours)


def in_turn(names: Sequence[str], until: float, clock: Callable[[], float]) -> Iterator[tuple[str, float]]:
    """Yield each name with the seconds that are its share of the time that is left: one must not use up the next's."""
    for done, name in enumerate(names):
        yield name, (until - clock()) / (len(names) - done)
