"""What happens many times, said once: the first of a kind at once, those that follow within a minute as one."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from voltgate.ocpp.messages import FOREVER
from voltgate.ocpp.wheel import Wheel

T = TypeVar("T")

_A_MINUTE = 60.0
"""Seconds in which what is of one kind is said once."""
_OTHERS = object()
"""The kind of all for which there are too many others."""


@dataclass(slots=True)
class _Kind(Generic[T]):
    """What is of one kind: the last of it, and how many there are that nobody was told of."""

    last: T
    times: int = 0


class Merging(Generic[T]):
    """Merges what is of one kind, of `most` kinds at a time; all others are one.

    `tell` is handed the last of a kind, how many it stands for, and words that say so ("" for one by itself).
    """

    __slots__ = ("_due", "_kinds", "_most", "_now", "_tell", "_wheel")

    def __init__(self, wheel: Wheel, now: Callable[[], float], tell: Callable[[T, int, str], None], most: int) -> None:
        self._wheel, self._now = wheel, now
        self._tell = tell
        self._most = most
        self._kinds: dict[Hashable, _Kind[T]] = {}
        self._due = FOREVER

    def add(self, kind: Hashable, what: T) -> None:
        """Tell of the first of its kind in a minute at once; count the others."""
        if kind not in self._kinds and len(self._kinds) >= self._most:
            kind = _OTHERS
        known = self._kinds.get(kind)
        if known is not None:
            known.last, known.times = what, known.times + 1
            return
        self._kinds[kind] = _Kind(what)
        if self._due == FOREVER:
            self._wait(self._now())
        self._tell(what, 1, "")

    def _wait(self, now: float) -> None:
        self._due = now + _A_MINUTE
        self._wheel.at(self._due, self._expire)

    def _expire(self, now: float) -> None:
        """Say how many there were; a kind of which there were none is forgotten."""
        self._due = FOREVER
        going_on = {kind: each for kind, each in self._kinds.items() if each.times}
        for kind, each in going_on.items():
            others = "; as others of several kinds" if kind is _OTHERS else ""
            self._tell(each.last, each.times, f" ({each.times} times within a minute{others})")
            each.times = 0
        self._kinds = going_on
        if going_on:
            self._wait(now)

    def end(self) -> None:
        """Say what has not been said yet."""
        self._wheel.off(self._due, self._expire)
        self._expire(self._now())
        self._wheel.off(self._due, self._expire)
        self._kinds, self._due = {}, FOREVER
