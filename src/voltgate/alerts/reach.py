"""Backends that cannot be reached for any station, and those that answer many calls with errors."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from voltgate.alerts.thresholds import DEFAULT, Thresholds
from voltgate.relay.backend import Backend
from voltgate.relay.events import (
    BackendAway,
    BackendBack,
    BackendFailing,
    BackendSound,
    CarrierDown,
    CarrierUp,
    Event,
    LegDown,
    LegUp,
)

LOOKS = 6
"""Looks in a window, at even distances."""


@dataclass(slots=True)
class _Failure:
    reason: str
    since: float
    told: bool = False


class Reach:
    """Knows which backends are away: the last that was heard of a link is that it failed, and none is open."""

    def __init__(self) -> None:
        self._failures: dict[str, _Failure] = {}

    def note(self, event: LegUp | LegDown | CarrierUp | CarrierDown, now: float) -> None:
        """Take note of a link that came, or that failed."""
        failure = self._failures.get(event.backend)
        if isinstance(event, LegUp | CarrierUp):
            if failure is not None and not failure.told:
                del self._failures[event.backend]
        elif failure is None:
            self._failures[event.backend] = _Failure(event.reason, now)
        else:
            failure.reason = event.reason

    def look(self, backends: Mapping[str, Backend], now: float, bounds: Thresholds = DEFAULT) -> Iterator[Event]:
        """Yield which backends are away by now, and which are back."""
        for name, failure in list(self._failures.items()):
            backend = backends.get(name)
            if backend is None or backend.up:
                del self._failures[name]
                if failure.told:
                    yield BackendBack(name, now - failure.since)
            elif not failure.told and now - failure.since >= bounds.backend_away:
                failure.told = True
                yield BackendAway(name, failure.reason, backend.legs)


class ErrorRates:
    """Knows which backends answer many calls badly: by an error, or not in time."""

    def __init__(self) -> None:
        self._looks: dict[str, deque[tuple[int, int]]] = {}
        self._failing: set[str] = set()
        self.judged: set[str] = set()
        """Those of which enough calls ended to say how they answer, since this process began."""

    def look(self, backends: Iterable[Backend], bounds: Thresholds = DEFAULT) -> Iterator[Event]:
        """Yield what has changed since the last look, one of LOOKS in a window."""
        seen = {backend.name: _ended(backend) for backend in backends}
        for name in [name for name in self._looks if name not in seen]:
            del self._looks[name]
            self._failing.discard(name)
            self.judged.discard(name)
        for name, (errors, calls) in seen.items():
            looks = self._looks.setdefault(name, deque(maxlen=LOOKS))
            if looks and calls < looks[-1][1]:  # it was configured anew, and counts from 0
                looks.clear()
            before = looks[0] if looks else (0, 0)
            looks.append((errors, calls))
            yield from self._judge(name, errors - before[0], calls - before[1], bounds)

    def _judge(self, name: str, errors: int, calls: int, bounds: Thresholds) -> Iterator[Event]:
        bound = calls * bounds.backend_errors
        if calls < bounds.backend_calls:
            return
        self.judged.add(name)
        if errors >= bound and name not in self._failing:
            self._failing.add(name)
            yield BackendFailing(name, errors, calls)
        elif errors < bound / 2 and name in self._failing:
            self._failing.discard(name)
            yield BackendSound(name, errors, calls)


def _ended(backend: Backend) -> tuple[int, int]:
    """Return how many calls ended badly, and how many ended. What found no link tells of its absence, not of errors."""
    tallies = backend.calls.by_label.values()
    unanswered = sum(each.unanswered.get(reason, 0) for each in tallies for reason in ("timed out", "malformed"))
    errors = sum(each.errors for each in tallies) + unanswered
    return errors, errors + sum(each.results for each in tallies)
