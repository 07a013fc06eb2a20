"""Overload, rate limits, and connections whose far end does not read."""

from __future__ import annotations

import pytest

from tests.relay.calls import AWAY, BEAT, RESET, START
from tests.relay.stage import Stage, one, playing

# Overload, and the station's manners.


def test_overload() -> None:
    """Calls beyond what may wait for a backend are refused; a transaction is left to the station."""
    stage = playing("a", backends={"a": {"window": 1, "waiting": 1}})
    for n in "123":
        stage.station.sends(2, n, "Heartbeat", {})
    stage.station.gets([4, "3", "InternalError", "Too many calls wait for this connection", {}])
    stage.station.sends(*START)
    stage.station.gets()
    assert stage.station.closed == (1013, "Nobody took StartTransaction: keep it and come again")


def test_a_backend_that_commands_too_much() -> None:
    """Commands beyond what may wait for the station are refused, to the backend that sends too many."""
    stage = playing("a", "b", waiting=1)
    for n in "123":
        stage["a"].sends(2, n, "Reset", {})
    stage["b"].sends(2, "1", "Reset", {})
    stage["a"].gets([4, "3", "InternalError", "Too many calls wait for this connection", {}])
    stage["b"].gets()


def test_a_flood() -> None:
    """A station that sends more than its rate is let go; its burst is its own."""
    stage = playing("a", messages_per_second=10.0, burst=20)
    for _ in range(20):
        stage.station.sends(*BEAT)
    stage.wait(1)
    for _ in range(10):
        stage.station.sends(*BEAT)
    assert stage.station.closed is None
    stage.station.sends(*BEAT)
    assert stage.station.closed == (1008, "More than 10 messages a second")


def test_a_flood_of_bytes() -> None:
    """Of a long message each 4 KiB count as one, but never more than may come at once; other frames count as well."""
    stage = playing("a", messages_per_second=10.0, burst=20)
    stage.station.sends(2, "long", "DataTransfer", {"data": "x" * 400_000})
    assert stage.station.closed is None
    assert not stage.session.allows(stage.now)
    assert stage.station.closed == (1008, "More than 10 messages a second")


def test_without_a_limit_anything_may_come() -> None:
    """A limit of 0 is none, for frames that are no messages as well."""
    stage = playing("a", messages_per_second=0.0)
    assert all(stage.session.allows(0.0) for _ in range(10_000))


# Back-pressure.


def test_a_backend_that_does_not_read() -> None:
    """While the answering backend does not read, the station is not read."""
    stage = playing("a")
    stage["a"].line.is_full()
    assert stage.station.pauses == 1
    stage.station.sends(*BEAT)
    stage["a"].gets()
    stage["a"].line.has_drained()
    assert stage.station.pauses == 0
    stage["a"].gets([*BEAT])


def test_a_copy_that_does_not_read() -> None:
    """A copy that does not read costs the station nothing."""
    stage = playing("a", "b")
    stage["b"].line.is_full()
    assert stage.station.pauses == 0
    for n in range(70):
        stage.station.sends(2, str(n), "Heartbeat", {})
        stage["a"].sends(3, str(n), {})
    stage["b"].gets()
    assert stage["b"].backend.copies_dropped == {"overloaded": 6}
    stage["b"].line.has_drained()
    assert len(stage["b"].line.take()) == 16


def test_two_backends_that_do_not_read() -> None:
    """The station is read when both of those that answer it read again."""
    stage = Stage(one("a", actions=("Heartbeat",)), one("b"))
    stage.up("a", "b")
    stage["a"].line.is_full()
    stage["b"].line.is_full()
    stage["a"].line.is_full()
    assert stage.station.pauses == 2
    stage["a"].line.has_drained()
    assert stage.station.pauses == 1
    stage["b"].line.has_drained()
    stage["b"].line.has_drained()
    assert stage.station.pauses == 0


@pytest.mark.parametrize("how", ["lost", "moved", "ended"])
def test_a_backend_that_goes_without_having_read(how: str) -> None:
    """A backend that is lost, left or ended while it does not read leaves the station readable."""
    stage = playing("a")
    stage["a"].line.is_full()
    if how == "lost":
        stage["a"].hangs_up()
    elif how == "moved":
        stage.moves(one("b"))
    else:
        stage.session.end(1001, "over")
    assert stage.station.pauses == 0


def test_a_station_that_does_not_read() -> None:
    """While the station does not read, no backend is read, and commands wait; also a backend that comes meanwhile."""
    stage = Stage(one("a", copy=("b",)))
    stage.up("a")
    stage.station.is_full()
    stage.up("b")
    assert (stage["a"].line.pauses, stage["b"].line.pauses) == (1, 1)
    stage["a"].sends(*RESET)
    stage.station.gets()
    stage.station.has_drained()
    assert (stage["a"].line.pauses, stage["b"].line.pauses) == (0, 0)
    stage.station.gets([*RESET])


def test_a_link_lost_while_the_station_does_not_read() -> None:
    """A link that comes back while the station does not read is paused once, and read when the station is."""
    stage = playing("a", backends={"a": AWAY})
    stage.station.is_full()
    stage["a"].hangs_up()
    stage.wait(1.1)
    stage.up("a")
    assert stage["a"].line.pauses == 1
    stage.station.has_drained()
    assert stage["a"].line.pauses == 0


def test_a_backend_that_is_left_while_the_station_does_not_read() -> None:
    """A backend that the station moves away from can give its last answer though the station does not read just now."""
    stage = playing("a")
    stage.station.sends(*BEAT)
    stage.station.is_full()
    left = stage["a"].line
    stage.moves(one("b"))
    stage.up("b")
    assert (left.pauses, stage["b"].line.pauses) == (0, 1)
    stage["a"].sends(3, "1", {})
    stage.station.has_drained()
    stage.station.gets([3, "1", {}])
    assert (left.pauses, stage["b"].line.pauses) == (0, 0)
