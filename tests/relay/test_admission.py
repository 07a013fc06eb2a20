"""A backend that comes back: the stations take turns, and whoever goes away holds up nobody."""

from __future__ import annotations

from voltgate.ocpp.wheel import Wheel
from voltgate.relay.admission import Admission


class Owing:
    """A station with something to deliver; `went` are the seconds at which it was let send."""

    def __init__(self) -> None:
        self.went: list[float] = []

    def admitted(self, now: float) -> None:
        """Note it."""
        self.went.append(now)


def passes(wheel: Wheel, since: float, seconds: float) -> float:
    """Let time pass."""
    for tenth in range(1, int(seconds * 10) + 1):
        wheel.tick(since + tenth / 10)
    return since + seconds


def test_a_bounded_number_a_second_in_the_order_of_asking() -> None:
    """The first goes at once, the others after one another."""
    wheel, admission = Wheel(0.0), Admission()
    stations = [Owing() for _ in range(5)]
    assert [admission.ask(each, 0.0, 2.0, wheel) for each in stations] == [True, False, False, False, False]
    assert not admission.ask(stations[3], 0.0, 2.0, wheel), "who asks again keeps its place"
    passes(wheel, 0.0, 3.0)
    assert [len(each.went) for each in stations] == [0, 1, 1, 1, 1]
    times = [each.went[0] for each in stations[1:]]
    assert all(0 <= came - due < 0.25 for came, due in zip(times, (0.5, 1.0, 1.5, 2.0), strict=True))
    assert len(wheel) == 0


def test_more_a_second_than_the_wheel_turns() -> None:
    """A rate is kept although the wheel looks only now and then."""
    wheel, admission = Wheel(0.0), Admission()
    stations = [Owing() for _ in range(101)]
    for each in stations:
        admission.ask(each, 0.0, 50.0, wheel)
    passes(wheel, 0.0, 1.0)
    assert 45 <= sum(len(each.went) for each in stations) <= 50
    passes(wheel, 1.0, 1.3)
    assert all(each.went for each in stations[1:])


def test_whoever_leaves_holds_up_nobody() -> None:
    """A hundred stations that come and go at once cost those behind them nothing."""
    wheel, admission = Wheel(0.0), Admission()
    gone, there = [Owing() for _ in range(100)], Owing()
    for each in (*gone, there):
        admission.ask(each, 0.0, 1.0, wheel)
    for each in gone:
        admission.leave(each)
    passes(wheel, 0.0, 1.3)
    assert there.went
    admission.leave(there)
    assert admission.ask(there, 5.0, 1.0, wheel), "nobody waits any more"
    assert not any(each.went for each in gone)


def test_nobody_steps_before_those_who_wait() -> None:
    """Who asks when a turn is free, and before the wheel has turned, waits behind the others."""
    wheel, admission = Wheel(0.0), Admission()
    first, second, late = Owing(), Owing(), Owing()
    assert admission.ask(first, 0.0, 1.0, wheel)
    assert not admission.ask(second, 0.5, 1.0, wheel)
    assert not admission.ask(late, 1.05, 1.0, wheel)
    passes(wheel, 0.0, 2.5)
    assert second.went[0] < late.went[0]
