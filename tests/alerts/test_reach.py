"""A backend that is away for all its stations is told once, not once for each of them; so is one that fails."""

from __future__ import annotations

from voltgate.alerts.reach import ErrorRates, Reach
from voltgate.ocpp.messages import Call, Error, Reason, Reply, Result, Unanswered
from voltgate.relay.backend import Backend, BackendSettings
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


class Links:
    """Stations with links to the backend `main`, and what was told of it."""

    def __init__(self, stations: int) -> None:
        self.backend = Backend(BackendSettings("main"), legs=stations, up=stations)
        self.backends = {"main": self.backend}
        self.reach, self.now = Reach(), 1000.0
        self.events: list[Event] = []

    def go(self, number: int = 1) -> None:
        """Lose links."""
        for station in range(number):
            self.backend.up -= 1
            self.reach.note(LegDown(f"CP{station}", "main", "closed 1006", 5.0), self.now)

    def come(self, number: int = 1) -> None:
        """Open links."""
        for station in range(number):
            self.backend.up += 1
            self.reach.note(LegUp(f"CP{station}", "main", first=False), self.now)

    def passes(self, seconds: float) -> None:
        """Let time pass, and look."""
        self.now += seconds
        self.events += self.reach.look(self.backends, self.now)


def test_500_stations_lose_their_backend() -> None:
    """One event says that it is away, and one that it is back."""
    links = Links(500)
    links.go(500)
    links.passes(4)
    assert links.events == []
    links.passes(2)
    links.passes(60)
    assert links.events == [BackendAway("main", "closed 1006", 500)]
    links.come(500)
    links.passes(1)
    links.passes(60)
    assert links.events[1:] == [BackendBack("main", 67.0)]
    links.go(500)
    links.passes(6)
    assert len(links.events) == 3


def test_a_backend_that_some_can_reach_is_not_away() -> None:
    """Neither is one whose links come back at once."""
    links = Links(3)
    links.go(2)
    links.passes(60)
    links.go(1)
    links.passes(1)
    links.come(3)
    links.passes(60)
    assert links.events == []


def test_a_backend_that_was_never_reached() -> None:
    """Stations that it would have to let in are refused, and there is no link at all; the last reason counts."""
    links = Links(0)
    for reason in ("refused", "no answer within 10 s"):
        links.reach.note(LegDown("CP1", "main", reason, None), links.now)
    links.passes(6)
    assert links.events == [BackendAway("main", "no answer within 10 s", 0)]


def test_a_broker_that_is_away() -> None:
    """A connection that many stations share is told of in the same way."""
    links = Links(2)
    links.backend.up = 0
    links.reach.note(CarrierDown("main", "connection refused", 1.0), links.now)
    links.passes(6)
    links.backend.up = 2
    links.reach.note(CarrierUp("main", first=False), links.now)
    links.passes(1)
    assert links.events == [BackendAway("main", "connection refused", 2), BackendBack("main", 7.0)]


def test_a_backend_that_was_taken_out() -> None:
    """Nobody waits any more for one that the configuration no longer names."""
    links = Links(1)
    links.go()
    links.passes(6)
    links.backends.clear()
    links.passes(1)
    assert links.events == [BackendAway("main", "closed 1006", 1), BackendBack("main", 7.0)]


# Errors.


def ends(backend: Backend, reply: Reply, times: int) -> None:
    """Have calls end."""
    for _ in range(times):
        backend.calls.observe(Call("1", "Heartbeat", b"{}"), reply, 0.0)


def test_a_backend_that_answers_with_errors() -> None:
    """Half of the last calls make it fail, errors and time-outs alike; it is sound when few do."""
    backend, rates = Backend(BackendSettings("main")), ErrorRates()
    assert list(rates.look([backend])) == []
    ends(backend, Result("1", b"{}"), 10)
    ends(backend, Error("1", "InternalError", ""), 6)
    ends(backend, Unanswered(Reason.TIMED_OUT, ""), 4)
    assert list(rates.look([backend])) == [BackendFailing("main", 10, 20)]
    assert list(rates.look([backend])) == []
    ends(backend, Result("1", b"{}"), 10)
    assert list(rates.look([backend])) == [], "a third is no longer half, nor few"
    ends(backend, Result("1", b"{}"), 90)
    assert list(rates.look([backend])) == [BackendSound("main", 10, 120)]


def test_a_few_errors_are_no_failure() -> None:
    """Neither are few calls, nor those that found no link: a backend that is away is told of as that."""
    backend, rates = Backend(BackendSettings("main")), ErrorRates()
    ends(backend, Error("1", "InternalError", ""), 19)
    assert list(rates.look([backend])) == []
    ends(backend, Result("1", b"{}"), 30)
    ends(backend, Unanswered(Reason.GONE, ""), 1000)
    assert list(rates.look([backend])) == []


def test_what_was_long_ago_is_forgotten() -> None:
    """Errors count for a minute."""
    backend, rates = Backend(BackendSettings("main")), ErrorRates()
    ends(backend, Error("1", "InternalError", ""), 100)
    assert list(rates.look([backend])) == [BackendFailing("main", 100, 100)]
    told: list[Event] = []
    for _ in range(7):
        ends(backend, Result("1", b"{}"), 5)
        told += rates.look([backend])
    assert told == [BackendSound("main", 0, 20)]


def test_a_backend_that_is_configured_anew() -> None:
    """It counts from 0; one that is not there any more is forgotten."""
    backend, rates = Backend(BackendSettings("main")), ErrorRates()
    ends(backend, Result("1", b"{}"), 100)
    assert list(rates.look([backend])) == []
    anew = Backend(BackendSettings("main"))
    ends(anew, Error("1", "InternalError", ""), 30)
    assert list(rates.look([anew])) == [BackendFailing("main", 30, 30)]
    assert list(rates.look([])) == []
    assert rates.judged == set()
    assert list(rates.look([anew])) == [BackendFailing("main", 30, 30)]
