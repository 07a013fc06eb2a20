"""How listeners are told: one that fails is counted and reported, and nobody else notices."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

News = TypeVar("News")

SILENCE = 60.0
"""Seconds between two reports of faults of the same listener."""


class Notifier:
    """Tells listeners what happens. What one of them raises reaches neither the message on its way nor the others.

    `clock` returns seconds. `report` is handed the name of a listener, what it raised, and how many times it has
    raised so far; not each time, but once in SILENCE at most. It must not raise.
    """

    __slots__ = ("_clock", "_report", "_reported", "faults")

    def __init__(self, clock: Callable[[], float], report: Callable[[str, Exception, int], None]) -> None:
        self.faults: dict[str, int] = {}
        """How many times each listener has raised, by its name."""
        self._clock = clock
        self._report = report
        self._reported: dict[str, float] = {}

    def notify(self, listener: str, tell: Callable[[News], None], news: News) -> None:
        """Tell one listener."""
        try:
            tell(news)
        except Exception as fault:
            self._failed(listener, fault)

    def _failed(self, listener: str, fault: Exception) -> None:
        times = self.faults[listener] = self.faults.get(listener, 0) + 1
        now, reported = self._clock(), self._reported.get(listener)
        if reported is None or now - reported >= SILENCE:
            self._reported[listener] = now
            self._report(listener, fault, times)
