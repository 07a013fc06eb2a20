"""The timing wheel: nothing wakes early, everything wakes once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltgate.ocpp.messages import FOREVER
from voltgate.ocpp.wheel import Wheel

steps = st.sampled_from([0.01, 0.1, 0.25, 1.0])
starts = st.floats(0, 1e6)
waits = st.lists(st.floats(-5, 500), max_size=30)
strides = st.lists(st.floats(0, 60), max_size=30)


@given(step=steps, start=starts, waits=waits, strides=strides)
def test_nothing_wakes_early_or_twice_or_never(
    step: float, start: float, waits: list[float], strides: list[float]
) -> None:
    """Whatever is asked for, and however unevenly time is told, each wakes once, in time and not before."""
    wheel = Wheel(start, step)
    woken: dict[int, float] = {}
    now = start
    for number, wait in enumerate(waits):
        wheel.at(start + wait, lambda at, number=number: woken.__setitem__(number, woken.get(number, 0) + at))
    for stride in [*strides, 600.0]:
        before, now = now, now + stride
        already = set(woken)
        wheel.tick(now)
        for number in set(woken) - already:
            assert woken[number] == now >= start + waits[number]
            assert max(start + waits[number], start) > before - 2 * step - 1e-6
    assert set(woken) == set(range(len(waits)))
    assert len(wheel) == 0
    wheel.tick(now + 1000)
    assert all(at <= now for at in woken.values())


@pytest.mark.parametrize("now", [10.0, 10_000.0])
def test_order(now: float) -> None:
    """What is due is woken in the order of its time, whether few slots passed or many."""
    wheel, woken = Wheel(0.0), list[str]()
    for when, name in ((3.0, "c"), (1.0, "a"), (2.0, "b"), (3.0, "d")):
        wheel.at(when, lambda _, name=name: woken.append(name))
    wheel.tick(now)
    assert woken == ["a", "b", "c", "d"]


def test_what_is_due_already_waits_for_the_next_tick() -> None:
    """What is asked for the past by somebody just woken does not run in the same tick: that could go on for ever."""
    wheel, woken = Wheel(0.0), list[float]()

    def again(now: float) -> None:
        woken.append(now)
        wheel.at(now - 1, again)

    wheel.at(1.0, again)
    wheel.tick(2.0)
    assert woken == [2.0]
    wheel.tick(2.1)
    assert woken == [2.0, 2.1]
    assert len(wheel) == 1


def test_a_failure_stops_nobody() -> None:
    """A callback that fails keeps no other from running, and is heard of."""
    wheel, woken = Wheel(0.0), list[float]()

    def fail(now: float) -> None:
        raise KeyError("the first")

    def fail_too(now: float) -> None:
        raise ValueError("the second")

    for wake in (fail, woken.append, fail_too, woken.append):
        wheel.at(1.0, wake)
    wheel.at(2.0, woken.append)
    with pytest.raises(ExceptionGroup, match="callbacks of the wheel failed") as failed:
        wheel.tick(5.0)
    assert [type(failure) for failure in failed.value.exceptions] == [KeyError, ValueError]
    assert woken == [5.0, 5.0], "what is asked for twice at one time happens once"
    wheel.tick(6.0)
    assert len(woken) == 2


def test_a_clock_that_stands_still_or_goes_back() -> None:
    """Time that stands still or goes back wakes nobody early and loses nobody."""
    wheel, woken = Wheel(100.0), list[float]()
    wheel.tick(100.0)
    wheel.at(101.0, woken.append)
    wheel.tick(50.0)
    wheel.at(60.0, woken.append)
    wheel.tick(100.9)
    assert woken == [100.9]
    wheel.tick(101.2)
    assert woken == [100.9, 101.2]


def test_who_takes_itself_off_is_not_woken() -> None:
    """What is taken off is not called, and nothing else is missed; taken off twice, or never put on, it is the same."""
    wheel, woken = Wheel(0.0), list[str]()

    def one(now: float) -> None:
        woken.append("one")

    def other(now: float) -> None:
        woken.append("other")

    for wake in (one, other):
        wheel.at(1.0, wake)
    for when in (1.0, 1.0, 2.0, FOREVER):
        wheel.off(when, one)
    assert len(wheel) == 1
    wheel.tick(3.0)
    assert woken == ["other"]
