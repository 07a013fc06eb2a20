"""The calendar: the seconds since 1970 as the machine has them, and what may be concluded from them.

Clocks of machines jump: by a correction, after a sleep, with an empty battery. Nothing is given up, or struck from
disk, because of one look at one: how long ago something was written down is known for certain only if the calendar has
gone with the clock of the process ever since, or for an hour now.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

STEADY = 3600.0
"""Seconds for which calendar and clock must have gone alike before anything else is concluded from the calendar."""
_STEP = 5.0
"""Seconds between two looks that make a jump."""
_MOST = 16
"""Readings before jumps that are told apart."""
EARLIEST = 1_735_689_600.0
"""The first of 2025: what seems to be older was written down by a clock that was wrong, and its age is not known."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the calendar showed from one jump to the next; `offset` is what it was ahead of the clock."""

    first: float
    last: float
    offset: float


class Calendar:
    """Returns the seconds since 1970 when called, and notes when they jump; `clock` never does.

    `wall` returns the same without a look for jumps, `jumped` is told by how many seconds.
    `agrees` is False while the database's own clock says something else.
    """

    def __init__(self, wall: Callable[[], float], clock: Callable[[], float], steady: float = STEADY) -> None:
        self.wall = wall
        self._clock = clock
        self._steady = steady
        self._first = wall()
        self._since = clock()
        self._offset = self._first - self._since
        self.former: tuple[Reading, ...] = ()
        self.jumped: Callable[[float], None] = lambda seconds: None
        self.jumps = 0
        self.agrees = True

    def __call__(self) -> float:
        """Return what the calendar shows."""
        now, clock = self.wall(), self._clock()
        if abs(now - clock - self._offset) > _STEP:
            self._jump(now, clock)
        else:
            self._offset = now - clock
        return now

    def _jump(self, now: float, clock: float) -> None:
        last = clock + self._offset
        former = (*self.former, Reading(self._first, last, self._offset))
        if len(former) > _MOST:
            one, other, *rest = former
            both = Reading(min(one.first, other.first), max(one.last, other.last), min(one.offset, other.offset))
            former = (both, *rest)
        self.former = former
        self._first, self._since, self._offset = now, clock, now - clock
        self.jumps += 1
        self.jumped(now - last)

    @property
    def is_steady(self) -> bool:
        """Whether the calendar may be believed in what it says of a time before this process."""
        self()
        return self.agrees and self._clock() - self._since >= self._steady

    def is_over(self, since: float, seconds: float) -> bool:
        """Return whether it is certain that so many seconds have passed since something was written down."""
        now, clock = self(), self._clock()
        readings = (*self.former, Reading(self._first, now, self._offset))
        ages = [clock + each.offset - since for each in readings if each.first <= since <= each.last]
        if ages:
            return min(ages) >= seconds
        return since >= EARLIEST and now - since >= seconds and self.is_steady
