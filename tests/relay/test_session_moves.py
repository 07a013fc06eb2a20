"""A station that moves to another route while it is connected."""

from __future__ import annotations

from tests.relay.calls import BEAT
from tests.relay.stage import Stage, one, playing
from voltgate.relay.events import LegDown, StationMoved


def test_a_station_moves() -> None:
    """A station that moves is served by its new backend at once; the old one's link ends when its answer is given."""
    stage = playing("a")
    stage.station.sends(*BEAT)
    left = stage["a"].line
    stage.moves(one("b"))
    assert stage.happened(StationMoved) == [StationMoved("CP-1", "away")]
    stage.up("b")
    stage.station.sends(2, "2", "Heartbeat", {})
    stage["b"].gets([2, "2", "Heartbeat", {}])
    stage.wait(5)
    assert left.closed is None
    stage["a"].sends(3, "1", {"from": "a"})
    stage.station.gets([3, "1", {"from": "a"}])
    stage.wait(0.5)
    assert left.closed == (1000, "The station has moved to another backend")
    assert (stage["a"].backend.legs, stage["a"].backend.up) == (0, 0)
    assert stage.station.closed is None


def test_what_was_not_sent_moves() -> None:
    """What the old backend was not sent yet goes to the new one, or is refused when no rule is for it."""
    stage = playing("a", backends={"a": {"window": 1}})
    for n, action in enumerate(("Heartbeat", "Authorize", "DataTransfer")):
        stage.station.sends(2, str(n), action, {})
    stage["a"].gets([2, "0", "Heartbeat", {}])
    stage.moves(one("b", actions=("Authorize",)))
    stage.up("b")
    stage["b"].gets([2, "1", "Authorize", {}])
    stage.station.gets([4, "2", "NotSupported", "No rule says who answers this", {}])
    stage["a"].sends(3, "0", {})
    stage["b"].sends(3, "1", {})
    stage.station.gets([3, "0", {}], [3, "1", {}])


def test_a_backend_that_never_answers_is_left_in_the_end() -> None:
    """The old backend's link ends when its time to answer is over, and the station stays."""
    stage = playing("a")
    stage.station.sends(*BEAT)
    stage.moves(one("b"))
    stage.up("b")
    stage.wait(31)
    assert stage["a"].line.closed is not None
    stage.station.gets([4, "1", "InternalError", "No answer within 30 s", {}])
    assert stage.station.closed is None


def test_an_idle_station_moves_at_once() -> None:
    """A link that nobody waits for is closed at once, one that is only dialled is never taken."""
    stage = Stage(one("a", copy=("c",)))
    stage.up("a")
    stage.moves(one("b"))
    assert stage["a"].line.closed is not None
    line = stage["c"].accepts()
    assert line.closed == (1001, "The station has gone")
    stage["a"].hangs_up()
    assert stage.happened(LegDown) == []


def test_a_dial_that_fails_when_it_is_not_wanted_any_more() -> None:
    """That a backend which was left could not be dialled is nobody's business."""
    stage = Stage(one("a"))
    stage.moves(one("b"))
    stage["a"].refuses()
    assert stage.happened(LegDown) == []


def test_a_backend_that_was_left_does_not_close_the_station() -> None:
    """When a backend is configured anew, the loss of its old link is not the loss of the new one's."""
    stage = playing("a", "c", backends={"c": {"when_down": "close"}})
    stage.station.sends(*BEAT)
    old = stage.replaces("c", when_down="wait")
    stage.moves(one("c"), name="home")
    stage["c"].refuses()
    old.hangs_up()
    assert stage.station.closed is None


def test_a_backend_that_was_left_with_a_call() -> None:
    """A call that the old backend still owed an answer ends, when its link is lost, as its `when_down` says."""
    stage = playing("a", backends={"a": {"when_down": "close"}})
    stage.station.sends(*BEAT)
    stage.moves(one("b"))
    stage["a"].hangs_up()
    assert stage.station.closed == (1001, "Backend a is away")


def test_a_move_keeps_what_stays() -> None:
    """A backend that is on both routes keeps its link; one that comes to answer is dialled."""
    stage = Stage(one("a", "b"))
    stage.up("a")
    stage.moves(one("b", copy=("a",)))
    assert (stage["a"].dialled, stage["b"].dialled) == (1, 1)
    stage.up("b")
    stage.station.sends(*BEAT)
    stage["a"].gets([*BEAT])
    stage["b"].gets([*BEAT])


def test_a_station_that_goes_while_it_moves() -> None:
    """When the station goes while its old backend still owes it an answer, that link goes too."""
    stage = playing("a")
    stage.station.sends(*BEAT)
    stage.moves(one("b"))
    stage.station.hangs_up()
    stage.wait(0.5)
    assert stage["a"].line.closed is not None
    assert stage["a"].backend.legs == 0


def test_a_move_leaves_what_somebody_owns_where_it_waits() -> None:
    """A report waits on for the backend that asked for it when the station moves to rules that name another."""
    stage = Stage(one("a", copy=("c",)), version="ocpp2.0.1", backends={"a": {"window": 1}})
    stage.up("a", "c")
    stage["a"].sends(2, "r", "GetReport", {"requestId": 7})
    stage.station.sends(3, "r", {"status": "Accepted"})
    stage["a"].line.take()
    stage.station.sends(*BEAT)
    stage.station.sends(2, "n", "NotifyReport", {"requestId": 7, "seqNo": 0})
    stage["a"].gets([*BEAT])
    stage.moves(one("b", copy=("c",)))
    stage.up("b")
    stage["b"].gets()
    stage["a"].sends(3, "1", {})
    stage["a"].gets([2, "n", "NotifyReport", {"requestId": 7, "seqNo": 0}])


def test_a_move_leaves_a_start_where_it_waits() -> None:
    """A start that waits for its turn is answered by the backend that it was meant for."""
    stage = playing("a", backends={"a": {"window": 1}})
    stage.station.sends(*BEAT)
    start = {"connectorId": 1, "idTag": "77", "timestamp": "t", "meterStart": 0}
    stage.station.sends(2, "s", "StartTransaction", start)
    stage["a"].gets([*BEAT])
    stage.moves(one("b"))
    stage.up("b")
    stage["b"].gets()
    stage["a"].sends(3, "1", {})
    stage["a"].gets([2, "s", "StartTransaction", start])


def test_a_copy_that_waits_for_a_backend_that_is_let_go() -> None:
    """Whoever was to be told before the station moved away is told, as soon as it is there."""
    stage = Stage(one("a", copy=("b",)))
    stage.up("a")
    stage.station.sends(2, "1", "Heartbeat", {})
    stage.moves(one("a"))
    line = stage["b"].accepts()
    line.gets([2, "1", "Heartbeat", {}])
    line.sends(3, "1", {})
    stage.wait(0.5)
    assert line.closed is not None
