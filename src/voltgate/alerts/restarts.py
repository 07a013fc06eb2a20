"""Stations that start again and again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from voltgate.alerts.thresholds import DEFAULT, Thresholds
from voltgate.relay.events import Event, StationBooted, StationRestarting, StationSteady

MOST = 200_000
"""Stations whose boots are remembered."""


class Restarts:
    """Counts the boots of stations. A station that was asked to say that it booted has not."""

    def __init__(self) -> None:
        self._boots: dict[str, deque[float]] = {}
        self._restarting: set[str] = set()

    def note(self, event: StationBooted, now: float, bounds: Thresholds = DEFAULT) -> Iterator[Event]:
        """Take note of a boot; yield that it was one too many."""
        station = event.station
        if event.reason == "Triggered" or (station not in self._boots and len(self._boots) >= MOST):
            return
        boots = self._boots.setdefault(station, deque())
        boots.append(now)
        while len(boots) > bounds.boots:
            boots.popleft()
        if len(boots) == bounds.boots and now - boots[0] <= bounds.boots_within:
            if station not in self._restarting:
                yield StationRestarting(station, bounds.boots, now - boots[0])
            self._restarting.add(station)

    def look(self, now: float, bounds: Thresholds = DEFAULT) -> Iterator[Event]:
        """Yield which stations have stopped doing so; forget those that boot as others do."""
        for station in [each for each, boots in self._boots.items() if now - boots[-1] > bounds.boots_within]:
            del self._boots[station]
            if station in self._restarting:
                self._restarting.discard(station)
                yield StationSteady(station)
