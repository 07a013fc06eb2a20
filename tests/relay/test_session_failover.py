"""Failover: the next backend of a rule answers while the one before it is away."""

from __future__ import annotations

from typing import Any

import pytest

from tests.relay.calls import AWAY, BEAT, BOOT, START
from tests.relay.stage import Stage, one


def failing_over(**settings: Any) -> Stage:
    stage = Stage(one("a", "b"), backends={"a": settings, "b": settings})
    stage.up("a")
    return stage


def test_the_second_is_dialled_when_the_first_is_lost() -> None:
    """A backend that stands behind another is dialled when that one is lost, and answers until it is back."""
    stage = failing_over(**AWAY)
    assert stage["b"].dialled == 0
    stage["a"].hangs_up()
    stage.up("b")
    stage.station.sends(*BEAT)
    stage["b"].gets([*BEAT])
    stage["b"].sends(3, "1", {"from": "b"})
    stage.station.gets([3, "1", {"from": "b"}])
    stage.wait(1.1)
    stage.up("a")
    stage.station.sends(*BEAT)
    stage["a"].gets([*BEAT])
    stage["b"].gets()


def test_the_second_is_dialled_when_the_first_cannot_be() -> None:
    """A failed dial moves on to the next, and what waited goes there."""
    stage = Stage(one("a", "b", "c"))
    stage.station.sends(*BOOT)
    stage.station.sends(*BEAT)
    stage["a"].refuses()
    stage["b"].refuses()
    stage.up("c")
    stage["c"].gets([*BOOT], [*BEAT])
    stage["c"].sends(3, "b", {})
    stage.station.gets([3, "b", {}])


def test_what_was_sent_stays_with_its_backend() -> None:
    """A call that was written to a backend waits for that backend; only what was not sent yet goes to another."""
    stage = failing_over(**AWAY, window=1)
    stage.station.sends(*START)
    stage.station.sends(*BEAT)
    stage["a"].gets([*START])
    stage["a"].hangs_up()
    stage.up("b")
    stage["b"].gets([*BEAT])
    stage.wait(1.1)
    stage.up("a")
    stage["a"].gets([*START])
    stage["a"].sends(3, "s", {})
    stage["b"].sends(3, "1", {})
    stage.station.gets([3, "s", {}], [3, "1", {}])


def test_what_stays_keeps_its_place() -> None:
    """When part of what waits goes to a stand-in, the rest waits on in the order it came."""
    stage = Stage(
        one("a", actions=("Authorize",)),
        one("c", copy=("a",), actions=("Heartbeat",)),
        one("a", "b"),
        backends={"a": AWAY},
    )
    stage.up("c")
    stage["a"].refuses()
    stage.station.sends(2, "1", "Authorize", {})
    stage.station.sends(2, "2", "Heartbeat", {})
    stage.station.sends(2, "3", "DataTransfer", {})
    stage.up("b")
    stage["b"].gets([2, "3", "DataTransfer", {}])
    stage.wait(1.1)
    stage.up("a")
    stage["a"].gets([2, "1", "Authorize", {}], [2, "2", "Heartbeat", {}])


def test_what_was_not_sent_goes_to_a_backend_that_is_there_already() -> None:
    """A backend that is lost with calls unsent leaves them to the one that stands in and is there."""
    stage = Stage(one("c", actions=("Authorize",), copy=("b",)), one("a", "b"), backends={"a": {**AWAY, "window": 1}})
    stage.up("a", "b", "c")
    stage.station.sends(*START)
    stage.station.sends(*BEAT)
    stage["a"].hangs_up()
    stage["b"].gets([*BEAT])


@pytest.mark.parametrize("when_down", ["wait", "refuse", "close"])
def test_a_stand_in_is_given_the_time_to_come(when_down: str) -> None:
    """Whatever the first backend's `when_down` says, its stand-in is tried before it applies."""
    stage = failing_over(when_down=when_down)
    stage["a"].hangs_up()
    assert stage.station.closed is None
    stage.station.sends(*BEAT)
    stage.station.gets()
    stage.up("b")
    stage["b"].gets([*BEAT])
    stage["b"].sends(3, "1", {})
    stage.station.gets([3, "1", {}])


@pytest.mark.parametrize(
    ("when_down", "answer", "closed"),
    [
        ("refuse", [4, "1", "InternalError", "Backend a is away", {}], None),
        ("close", None, (1001, "Backend b is away")),
    ],
)
def test_all_are_away(when_down: str, answer: list[Any] | None, closed: tuple[int, str] | None) -> None:
    """When the stand-in is away too, `when_down` applies."""
    stage = failing_over(when_down=when_down)
    stage["a"].hangs_up()
    stage.station.sends(*BEAT)
    stage["b"].refuses()
    stage.station.gets(*([answer] if answer else []))
    assert stage.station.closed == closed


def test_a_backend_that_nobody_stands_in_for() -> None:
    """With `close` a backend that answers some calls alone closes the station, though others have a stand-in."""
    stage = Stage(one("a", actions=("Authorize",)), one("a", "b"), backends={"a": {"when_down": "close"}})
    stage.up("a")
    stage["a"].hangs_up()
    assert stage.station.closed == (1001, "Backend a is away")


def test_the_loss_of_one_without_a_stand_in_dials_nobody() -> None:
    """A stand-in is dialled for its own list only."""
    stage = Stage(one("c", actions=("Authorize",)), one("a", "b"), backends={"c": AWAY})
    stage.up("a", "c")
    stage["c"].hangs_up()
    assert stage["b"].dialled == 0


def test_a_boot_goes_to_the_stand_in_once() -> None:
    """A boot that waits for the first backend goes to the second when that is there, and is not replayed to it too."""
    stage = Stage(one("a", "b"))
    stage.station.sends(*BOOT)
    stage["a"].refuses()
    stage.up("b")
    stage["b"].gets([*BOOT])


def test_an_unsent_call_goes_by_the_policy_of_the_backend_it_went_to() -> None:
    """A call that moved to another backend ends as that backend's `when_down` says."""
    stage = Stage(one("a", "b"), backends={"a": {"when_down": "wait"}, "b": {"when_down": "refuse"}})
    stage.station.sends(*BEAT)
    stage["a"].refuses()
    stage.up("b")
    stage["b"].gets([*BEAT])
    stage["b"].hangs_up()
    stage.station.gets([4, "1", "InternalError", "The connection was lost", {}])
    assert stage.station.closed is None


def test_both_come_and_go() -> None:
    """However the two come and go, a call is asked of one of them."""
    stage = Stage(one("a", "b"), backends={"a": {**AWAY, "wait": 100.0}, "b": {**AWAY, "wait": 100.0}})
    stage["a"].refuses()
    stage["b"].refuses()
    stage.station.sends(*BEAT)
    stage.wait(1.2)
    stage["b"].accepts()
    stage["b"].gets([*BEAT])
    stage["a"].accepts()
    stage["a"].gets()
