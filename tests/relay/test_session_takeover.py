"""A second connection of the same station: links are kept for it, and dialling pauses meanwhile."""

from __future__ import annotations

from tests.relay.calls import AWAY, BEAT, RESET, START
from tests.relay.stage import Stage, one, playing
from voltgate.relay.backend import Retry


def test_a_hold() -> None:
    """While a newcomer knocks no link is dialled back; when it was refused, what was lost is dialled at once."""
    stage = playing("a", "b", backends={"a": AWAY})
    stage.session.pause_dialling()
    stage["a"].hangs_up()
    stage.wait(5)
    assert stage["a"].dialled == 1
    stage.session.resume_dialling()
    assert (stage["a"].dialled, stage["b"].dialled) == (2, 1)
    stage.station.sends(*BEAT)
    stage.up("a")
    stage["a"].gets([*BEAT])


def test_a_hold_closes_nobody() -> None:
    """A backend that drops the old link when a newcomer knocks does not cost the old station its place."""
    stage = playing("a", backends={"a": {"when_down": "close"}})
    stage.session.pause_dialling()
    stage["a"].hangs_up()
    assert stage.station.closed is None
    stage.session.resume_dialling()
    stage.up("a")
    stage.station.sends(*BEAT)
    stage["a"].gets([*BEAT])


def test_a_hold_does_not_outlast_the_grace() -> None:
    """A station that was held while all its backends were away for too long is let go after the release."""
    stage = Stage(one("a"))
    stage["a"].refuses()
    stage.session.pause_dialling()
    stage.wait(20)
    assert stage.station.closed is None
    stage.session.resume_dialling()
    stage["a"].refuses()
    stage.wait(0.3)
    assert stage.station.closed == (1001, "No backend is there")


def test_knocking_causes_no_dials() -> None:
    """However often a newcomer knocks and is refused, an absent backend is dialled no more often than it should be."""
    stage = Stage(one("a"), backends={"a": {"wait": 1000.0, "retry": Retry(first=20.0, jitter=0.0)}})
    stage["a"].refuses()
    for _ in range(100):
        stage.wait(0.1)
        stage.session.pause_dialling()
        stage.session.resume_dialling()
    assert stage["a"].dialled == 1
    assert len(stage.wheel) == 2
    stage.wait(10.2)
    stage["a"].refuses()
    stage.wait(39)
    assert stage["a"].dialled == 2
    stage.wait(1.2)
    assert stage["a"].dialled == 3


def take_over(stage: Stage) -> None:
    """Have the station come again, as the gateway does where the legs survive."""
    old, (new, line) = stage.session, stage.newcomer()
    new.take_over(old, keep_legs=True)
    stage.session, stage.station = new, line
    stage.open()


def test_legs_survive_a_takeover() -> None:
    """A station that comes again finds its backends' links as they were."""
    stage = playing("a")
    old = stage.station
    stage.station.sends(*BEAT)
    stage["a"].gets([*BEAT])
    stage["a"].sends(*RESET)
    take_over(stage)
    assert old.closed == (1001, "Replaced by a new connection")
    stage["a"].gets([4, "r", "InternalError", "The station has gone", {}])
    stage["a"].sends(3, "1", {})
    stage.station.gets()
    stage.station.sends(*BEAT)
    stage["a"].gets([*BEAT])
    stage["a"].sends(3, "1", {"for": "the new one"})
    stage.station.gets([3, "1", {"for": "the new one"}])
    stage["a"].sends(*RESET)
    stage.station.gets([*RESET])
    assert (stage["a"].dialled, stage["a"].backend.legs, stage["a"].backend.up) == (1, 1, 1)
    assert stage["a"].line.closed is None


def test_a_takeover_while_the_backend_does_not_read() -> None:
    """A backend that did not read the old connection's calls holds the new connection back just the same."""
    stage = playing("a")
    old = stage.station
    stage["a"].line.is_full()
    take_over(stage)
    assert (old.pauses, stage.station.pauses) == (0, 1)
    stage["a"].line.has_drained()
    assert stage.station.pauses == 0


def test_a_takeover_while_the_station_does_not_read() -> None:
    """That the old connection was not read does not keep a backend from being read for the new one."""
    stage = playing("a", "b")
    stage.station.is_full()
    take_over(stage)
    assert (stage["a"].line.pauses, stage["b"].line.pauses) == (0, 0)
    stage.station.is_full()
    stage.station.has_drained()
    assert (stage["a"].line.pauses, stage["b"].line.pauses) == (0, 0)


def test_a_takeover_pays_nobody_twice() -> None:
    """A transaction that waited unsent is repeated by the station, and so dropped; what else waited is not lost."""
    stage = playing("a", backends={"a": AWAY})
    stage["a"].hangs_up()
    stage.station.sends(*START)
    stage.station.sends(2, "n", "StatusNotification", {})
    take_over(stage)
    stage.station.sends(*START)
    stage.wait(1.2)
    stage.up("a")
    stage["a"].gets([2, "n", "StatusNotification", {}], [*START])
    stage["a"].sends(3, "n", {})
    stage["a"].sends(3, "s", {})
    stage.station.gets([3, "s", {}])


def test_what_waits_keeps_its_order_over_a_takeover() -> None:
    """What the station said on its old connection and waits for a link goes before what it says on the new one."""
    stage = playing("a", "b")
    stage["b"].hangs_up()
    for mid in ("1", "2", "3"):
        stage.station.sends(2, mid, "StatusNotification", {"connectorId": int(mid)})
    take_over(stage)
    for mid in ("4", "5"):
        stage.station.sends(2, mid, "StatusNotification", {"connectorId": int(mid)})
    stage.wait(2)
    stage.up("b")
    assert [message[1] for message in stage["b"].line.take()] == ["1", "2", "3", "4", "5"]


def test_a_backend_left_behind_before_a_takeover() -> None:
    """A link of the old connection's that opens when the legs have gone over to the new one disturbs nobody."""
    stage = Stage(one("a", copy=("b",)))
    stage.up("a")
    stage.station.sends(*BEAT)
    left = stage["b"]
    stage.replaces("b", window=3)
    stage.moves(one("a", "b"))
    take_over(stage)
    line = left.accepts()
    stage["b"].accepts().gets([*BEAT])
    line.gets()
    stage.wait(0.5)
    assert line.closed is not None
    assert left.backend.legs == 0
