"""How a session ends, and what is left of it afterwards."""

from __future__ import annotations

from tests.relay.calls import BEAT, RESET, START
from tests.relay.stage import Stage, one, playing
from voltgate.relay.events import LegDown, LegUp, StationWent
from voltgate.relay.uplink import State


def test_the_end_answers_everybody() -> None:
    """When the station goes, everybody who waits for it hears, its links end, and it is told once."""
    stage = playing("a", "b")
    stage["a"].sends(*RESET)
    stage["b"].sends(*RESET)
    stage.station.sends(*BEAT)
    stage["a"].gets([*BEAT])
    stage["b"].gets([*BEAT])
    assert stage.session.busy
    stage.wait(7)
    stage.station.hangs_up(1000, "bye")
    for name in "ab":
        stage[name].gets([4, "r", "InternalError", "The station has gone", {}])
        assert stage[name].line.closed == (1000, "The station has gone")
        assert (stage[name].backend.legs, stage[name].backend.up) == (0, 0)
        stage[name].hangs_up()
    (went,) = stage.happened(StationWent)
    assert (went.code, went.reason, went.by) == (1000, "bye", "station")
    assert abs(went.seconds - 7) < 0.01
    assert stage.ended == [stage.session]
    assert not stage.session.busy
    assert stage.happened(LegDown) == []


def test_a_session_is_busy_until_the_last_answer() -> None:
    """Who lets a station go waits for it: also for what is on its way to the disk, in both directions."""
    stage = playing("a", "b")
    stage.store.slow = True
    stage.station.sends(*START)
    for number, name in enumerate("ab"):
        _, start, *_ = stage[name].line.take()[0]
        stage[name].sends(3, start, {"transactionId": 7 + number, "idTagInfo": {"status": "Accepted"}})
    stage.station.gets()
    assert stage.session.busy
    stage.store.writes()
    assert [kind for kind, *_ in stage.station.take()] == [3]
    assert not stage.session.busy
    stage["a"].sends(2, "r", "RemoteStartTransaction", {"idTag": "A", "connectorId": 1})
    stage.station.gets()
    assert stage.session.busy
    stage.store.writes()
    _, asked, *_ = stage.station.take()[0]
    stage.station.sends(3, asked, {"status": "Accepted"})
    assert not stage.session.busy


def test_the_end_comes_once() -> None:
    """However often and by whomever a session is ended, it ends once."""
    stage = playing("a")
    stage.session.end(1001, "over")
    stage.session.end(1008, "again")
    stage.station.hangs_up()
    stage.session.legs["a"].end("again")
    assert stage.station.closed == (1001, "over")
    assert len(stage.happened(StationWent)) == 1
    assert stage.ended == [stage.session]
    assert stage["a"].backend.legs == 0


def test_a_session_that_never_began_can_end() -> None:
    """A session may end before its station is connected."""
    stage = Stage(one("a"), opened=False)
    stage.session.pause()
    stage.session.resume()
    stage.session.end(1001, "over")
    assert stage.station.closed is None
    assert stage.ended == [stage.session]


def test_a_loss_that_ends_the_session_is_not_followed_by_a_dial() -> None:
    """When a lost link costs the station its place, that link is not dialled back, nor reported after the end."""
    stage = playing("a", "b", backends={"a": {"when_down": "refuse"}})
    stage.station.sends(*START)
    stage["a"].hangs_up()
    assert stage.station.closed is not None
    assert [type(event).__name__ for event in stage.events][-1] == "StationWent"
    assert stage.session.legs["a"].state is State.ENDED
    stage.wait(100)
    assert stage["a"].dialled == 1
    assert (stage["a"].backend.legs, stage["a"].backend.up) == (0, 0)


def test_a_dial_that_succeeds_too_late() -> None:
    """A link that opens when the station has gone is closed."""
    stage = Stage(one("a"))
    stage.station.hangs_up()
    line = stage["a"].accepts()
    assert line.closed == (1001, "The station has gone")
    assert stage.happened(LegUp) == []


def test_nothing_is_dialled_after_the_end() -> None:
    """A retry that was due when the station went is not made."""
    stage = playing("a")
    stage["a"].hangs_up()
    stage.station.hangs_up()
    stage.wait(100)
    assert stage["a"].dialled == 1
    assert len(stage.wheel) == 0


def test_a_leg_has_a_link_while_it_is_up() -> None:
    """What a backend is reached by can be seen as long as it is there."""
    stage = playing("a")
    leg = stage.session.legs["a"]
    assert leg.wire is stage["a"].line
    stage["a"].hangs_up()
    assert leg.wire is None
