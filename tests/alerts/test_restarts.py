"""A station that boots again and again is told once, and when it has stopped doing so."""

from __future__ import annotations

from voltgate.alerts import restarts
from voltgate.alerts.restarts import Restarts
from voltgate.relay.events import Event, StationBooted, StationRestarting, StationSteady


class Told:
    """Boots of stations, and what was told of them."""

    def __init__(self) -> None:
        self._restarts, self.now = Restarts(), 1000.0
        self.events: list[Event] = []

    def boots(self, *stations: str, reason: str = "") -> None:
        """Have stations boot now."""
        for station in stations:
            self.events += self._restarts.note(StationBooted(station, "", "", "", reason), self.now)

    def passes(self, seconds: float) -> None:
        """Let time pass, and look."""
        self.now += seconds
        self.events += self._restarts.look(self.now)


def test_a_station_that_boots_again_and_again() -> None:
    """Five boots within ten minutes are told once, however many follow; ten minutes without one end it."""
    told = Told()
    for _ in range(8):
        told.boots("CP1")
        told.passes(100)
    told.boots("CP2")
    told.passes(500)
    assert told.events == [StationRestarting("CP1", 5, 400.0)]
    told.passes(101)
    assert told.events[1:] == [StationSteady("CP1")]


def test_a_station_that_boots_now_and_then() -> None:
    """Boots far apart, and those that a station was asked to say, are none of this."""
    told = Told()
    for _ in range(10):
        told.boots("CP1")
        told.boots(*["CP2"] * 5, reason="Triggered")
        told.passes(200)
    assert told.events == []


def test_a_station_that_boots_now_and_then_and_then_again_and_again() -> None:
    """Only the last boots count: earlier ones neither hide nor make it."""
    told = Told()
    for pause in (500, 300, 20, 20, 20):
        told.boots("CP1")
        told.passes(pause)
    assert told.events == []
    told.boots("CP1")
    assert told.events == [StationRestarting("CP1", 5, 360.0)]


def test_no_more_stations_are_remembered_than_there_are() -> None:
    """Names without end fill no memory."""
    told = Told()
    restarts.MOST, most = 3, restarts.MOST
    try:
        for number in range(9):
            told.boots(*[f"CP{number}"] * 5)
    finally:
        restarts.MOST = most
    assert [event.station for event in told.events if isinstance(event, StationRestarting)] == ["CP0", "CP1", "CP2"]
