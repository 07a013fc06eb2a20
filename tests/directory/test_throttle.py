"""The throttle: who guesses is slowed down, who knows is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltgate.directory import throttle as module
from voltgate.directory.throttle import Throttle

HOME, AWAY = "192.0.2.1", "198.51.100.7"


def fail(throttle: Throttle, times: int, now: float = 0, key: str = "cp1", address: str = HOME) -> None:
    """Fail so many times at once."""
    for _ in range(times):
        throttle.begin(key, address, now)


def test_failures_are_counted() -> None:
    """After so many failures a minute the next try must wait, a little longer for each that was too many."""
    throttle = Throttle(10)
    fail(throttle, 9)
    assert throttle.wait("cp1", HOME, 0) == 0
    fail(throttle, 1)
    assert throttle.wait("cp1", HOME, 0) == 6
    fail(throttle, 1)
    assert throttle.wait("cp1", HOME, 0) == 12


def test_failures_leak_away() -> None:
    """Nobody is locked out for good: after the wait one try is allowed, after a minute as many as ever."""
    throttle = Throttle(10)
    fail(throttle, 10)
    assert throttle.wait("cp1", HOME, 5.9) == pytest.approx(0.1)
    assert throttle.wait("cp1", HOME, 6) == 0
    fail(throttle, 1, now=6)
    assert throttle.wait("cp1", HOME, 6) == 6
    assert throttle.wait("cp1", HOME, 66) == 0
    fail(throttle, 9, now=66)
    assert throttle.wait("cp1", HOME, 66) == 0


def test_others_are_not_held_back() -> None:
    """Somebody's failures hold back neither another station nor the same one elsewhere."""
    throttle = Throttle(10)
    fail(throttle, 20)
    assert throttle.wait("cp2", HOME, 0) == 0
    assert throttle.wait("cp1", AWAY, 0) == 0


def test_one_address_guesses_at_many() -> None:
    """An address that tries many identities is slowed down at ten times the number."""
    throttle = Throttle(10)
    for number in range(100):
        assert throttle.wait(f"cp{number}", HOME, 0) == 0
        fail(throttle, 1, key=f"cp{number}")
    assert throttle.wait("cp100", HOME, 0) > 0
    assert throttle.wait("cp100", AWAY, 0) == 0


def test_many_addresses_guess_at_one() -> None:
    """An identity that is tried from many addresses is slowed down at ten times the number."""
    throttle = Throttle(10)
    for number in range(100):
        fail(throttle, 1, address=f"192.0.2.{number}")
    assert throttle.wait("cp1", AWAY, 0) > 0
    assert throttle.wait("cp2", AWAY, 0) == 0


def test_who_got_in_before_gets_in_again() -> None:
    """Guesses under a station's name, or from its address, do not keep out the station that got in from there."""
    throttle = Throttle(10)
    throttle.succeeded(throttle.begin("cp1", HOME, 0), 0)
    for number in range(100):
        fail(throttle, 1, address=f"198.51.100.{number}")
        fail(throttle, 1, key=f"x{number}")
    assert throttle.wait("cp1", HOME, 0) == 0
    assert throttle.wait("cp1", AWAY, 0) > 0
    fail(throttle, 10)
    assert throttle.wait("cp1", HOME, 0) > 0


def test_tries_at_once_count() -> None:
    """Tries whose outcome is not known yet count as failed: a thousand guesses at once are no way round."""
    throttle = Throttle(2)
    fail(throttle, 2)
    assert throttle.wait("cp1", HOME, 0) > 0


@given(st.permutations(range(6)), st.lists(st.booleans(), min_size=6, max_size=6), st.integers(0, 5))
def test_what_was_no_failure_is_taken_back(order: list[int], right: list[bool], after: int) -> None:
    """Right passwords, and tries that nobody could decide, leave no trace, however many went on at once."""
    throttle = Throttle(10)
    tries = [throttle.begin("cp1", HOME, 0) for _ in order[:after]]
    for number in order:
        if number >= after:
            tries.append(throttle.begin("cp1", HOME, 0))
        (throttle.succeeded if right[number] else throttle.undecided)(tries.pop(), 0)
    fail(throttle, 9)
    assert throttle.wait("cp1", HOME, 0) == 0
    for number in range(90):
        assert throttle.wait(f"x{number}", HOME, 0) == 0
        fail(throttle, 1, key=f"x{number}")
        fail(throttle, 1, address=f"198.51.100.{number}")
    assert throttle.wait("cp1", AWAY, 0) == 0


def test_no_limit() -> None:
    """0 is no limit."""
    throttle = Throttle(0)
    fail(throttle, 1000)
    assert throttle.wait("cp1", HOME, 0) == 0
    throttle.succeeded(throttle.begin("cp1", HOME, 0), 0)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of names does not fill the memory; whoever was unseen for longest is forgotten."""
    monkeypatch.setattr(module, "REMEMBERED", 5)
    throttle = Throttle(1)
    fail(throttle, 1)
    for number in range(100):
        throttle.begin(f"x{number}", f"192.0.2.{number}", 0)
    assert throttle.wait("cp1", HOME, 0) == 0
    assert throttle.wait("x99", "192.0.2.99", 0) > 0
