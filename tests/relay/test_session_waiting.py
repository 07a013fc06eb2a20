"""What a session does with calls while their backend is not connected: keep, refuse, or close."""

from __future__ import annotations

import pytest

from tests.relay.calls import AWAY, BEAT, BOOT, START
from tests.relay.stage import Known, Stage, one, playing
from voltgate.relay.backend import Retry
from voltgate.relay.events import StationWent
from voltgate.relay.route import Route
from voltgate.relay.rule import Rule

# Before the backend is there.


def test_what_comes_before_the_backend_is_kept() -> None:
    """What the station sends before its backend is there goes out, in order, when it is, whichever connects first."""
    stage = Stage(one("a", copy=("b",)))
    stage.station.sends(*BOOT)
    stage.station.sends(*BEAT)
    stage.up("b")
    stage["b"].gets([*BOOT], [*BEAT])
    stage.wait(5)
    stage.up("a")
    stage["a"].gets([*BOOT], [*BEAT])
    stage["a"].sends(3, "b", {"status": "Accepted", "interval": 60})
    stage.station.gets([3, "b", {"status": "Accepted", "interval": 60}])


@pytest.mark.parametrize("when_down", ["refuse", "close"])
def test_the_first_dial_is_waited_for(when_down: str) -> None:
    """A backend that is being dialled for the first time is not away: what comes meanwhile is kept."""
    stage = Stage(one("a"), backends={"a": {"when_down": when_down}})
    stage.station.sends(*BEAT)
    stage.up("a")
    stage["a"].gets([*BEAT])
    stage.station.gets()


# when_down.


def test_wait_then_close() -> None:
    """While its backend is away a call waits; when that was in vain the station is let go."""
    stage = playing("a", backends={"a": AWAY})
    stage["a"].hangs_up()
    stage.station.sends(*BEAT)
    stage["a"].refuses() if stage["a"].dials else None
    stage.wait(9.5)
    assert stage.station.closed is None
    stage.wait(1)
    assert stage.station.closed is not None
    assert stage.station.closed[0] == 1001
    stage.station.gets()


def test_wait_then_flush() -> None:
    """What waited goes out, in order, when the backend is back in time; a transaction was never answered by us."""
    stage = playing("a", backends={"a": AWAY})
    stage["a"].hangs_up()
    stage.station.sends(*START)
    stage.station.sends(*BEAT)
    stage.wait(1.2)
    stage.up("a")
    stage["a"].gets([*START], [*BEAT])
    stage.station.gets()


def test_wait_then_refuse() -> None:
    """With `then = "refuse"` a call that waited in vain is refused and the station stays."""
    stage = Stage(one("a"), backends={"a": {**AWAY, "then": "refuse"}})
    stage["a"].refuses()
    stage.station.sends(*BEAT)
    stage.wait(10.2)
    stage.station.gets([4, "1", "InternalError", "Waited 10 s for a connection", {}])
    assert stage.station.closed is None


def test_a_transaction_is_not_refused() -> None:
    """Where other calls are refused, a transaction that nobody took is left to the station: its socket is closed."""
    stage = Stage(one("a"), backends={"a": {**AWAY, "then": "refuse"}})
    stage["a"].refuses()
    stage.station.sends(*START)
    stage.wait(10.2)
    stage.station.gets()
    assert stage.station.closed == (1001, "Nobody took StartTransaction: keep it and come again")


def test_a_transaction_that_times_out() -> None:
    """A transaction whose answer does not come is not answered by us: the station keeps it."""
    stage = playing("a")
    stage.station.sends(*START)
    stage["a"].gets([*START])
    stage.wait(30.2)
    stage.station.gets()
    assert stage.station.closed == (1001, "Nobody took StartTransaction: keep it and come again")


def test_a_transaction_whose_answer_is_broken() -> None:
    """A transaction whose answer cannot be read is not answered by us either; another call is, at once."""
    stage = playing("a")
    stage.station.sends(*BEAT)
    stage["a"].sends(b'[3,"1",')
    ((kind, message_id, *_),) = stage.station.take()
    assert (kind, message_id) == (4, "1")
    stage.station.sends(*START)
    stage["a"].sends(b'[3,"s",')
    stage.station.gets()
    assert stage.station.closed is not None


def test_refuse() -> None:
    """With `refuse` a call is answered at once while its backend is away, and served when it is back."""
    stage = playing("a", backends={"a": {"when_down": "refuse"}})
    stage.station.sends(*BEAT)
    stage["a"].hangs_up()
    stage.station.gets([4, "1", "InternalError", "The connection was lost", {}])
    stage.station.sends(*BEAT)
    stage.station.gets([4, "1", "InternalError", "Backend a is away", {}])
    stage.wait(1.2)
    stage.station.sends(*BEAT)
    stage.station.gets([4, "1", "InternalError", "Backend a is away", {}])
    stage.up("a")
    stage.station.sends(*BEAT)
    stage["a"].gets([*BEAT])
    stage.wait(25)
    stage["a"].sends(3, "1", {})
    stage.station.gets([3, "1", {}])


def test_refuse_what_waited_for_the_first_dial() -> None:
    """When the first dial comes to nothing, what waited for it is refused at once."""
    stage = Stage(one("a"), backends={"a": {"when_down": "refuse"}})
    stage.station.sends(*BEAT)
    stage["a"].refuses()
    stage.station.gets([4, "1", "InternalError", "Backend a is away", {}])
    stage.wait(100)
    assert stage.station.closed is None


def test_refuse_leaves_transactions_to_the_station() -> None:
    """With `refuse` a transaction closes the station's socket at once."""
    stage = playing("a", backends={"a": {"when_down": "refuse"}})
    stage["a"].hangs_up()
    stage.station.sends(*START)
    stage.station.gets()
    assert stage.station.closed is not None


def test_close() -> None:
    """With `close` the station is let go as soon as its backend is."""
    stage = playing("a", backends={"a": {"when_down": "close"}})
    stage.station.sends(*BEAT)
    stage["a"].hangs_up(1012, "restart")
    stage.station.gets()
    assert stage.station.closed == (1001, "Backend a is away")
    assert stage.happened(StationWent)[0].by == "gateway"


def test_close_when_nothing_was_open() -> None:
    """With `close` the station is let go though it waits for nothing, and when its backend cannot be dialled."""
    stage = playing("a", backends={"a": {"when_down": "close"}})
    stage["a"].hangs_up()
    assert stage.station.closed == (1001, "Backend a is away")
    stage = Stage(one("a"), backends={"a": {"when_down": "close"}})
    stage["a"].refuses()
    assert stage.station.closed == (1001, "Backend a is away")


def test_a_copy_that_closes_nobody() -> None:
    """That a mere copy is away never costs the station its connection."""
    stage = playing("a", "b", backends={"b": {"when_down": "close"}})
    stage["b"].hangs_up()
    stage.station.sends(*BEAT)
    stage["a"].sends(3, "1", {})
    stage.station.gets([3, "1", {}])
    stage.wait(10.3)
    assert stage["b"].backend.copies_dropped == {"gone": 1}
    assert stage.station.closed is None


# All are away.


def test_all_backends_are_gone() -> None:
    """A station whose backends are all away for longer than their grace is let go, though it waits for nothing."""
    stage = playing("a", "b", backends={"a": AWAY})
    stage["a"].hangs_up()
    stage.wait(60)
    assert stage.station.closed is None
    stage["b"].hangs_up()
    stage["a"].dials.clear()
    stage.wait(9.5)
    assert stage.station.closed is None
    stage.wait(1)
    assert stage.station.closed == (1001, "No backend is there")
    assert stage.ended == [stage.session]


def test_a_backend_that_comes_in_time_keeps_the_station() -> None:
    """The grace begins anew when a backend was there."""
    stage = playing("a", backends={"a": AWAY})
    for _ in range(4):
        stage["a"].hangs_up()
        stage.wait(8.5)
        stage.up("a")
    stage.wait(30)
    assert stage.station.closed is None


@pytest.mark.parametrize("rule", [one("a"), Rule(stations="others", answer=("a",))])
def test_a_station_without_backends_stays(rule: Rule) -> None:
    """A station whose backends refuse instead of closing is kept, and so is one that no rule is for."""
    stage = Stage(rule, backends={"a": {"when_down": "refuse"}})
    for _ in range(40):
        for far in stage.far.values():
            far.refuses()
        stage.wait(90)
    assert stage.station.closed is None
    assert len(stage.wheel) <= 3


def test_a_move_to_backends_that_are_less_patient() -> None:
    """A station that was kept without a backend, and moves where none is either, is let go when that grace is over."""
    stage = Stage(one("a"), backends={"a": {"when_down": "refuse"}})
    stage["a"].refuses()
    stage.moves(one("b"))
    stage["b"].refuses()
    stage.wait(9.8)
    assert stage.station.closed is None
    stage.wait(0.5)
    assert stage.station.closed == (1001, "No backend is there")


def kept(seconds: float | None, *rules: Rule, opened: bool = True) -> Stage:
    """Play a station whose backends a and b only refuse; its route says when it is let go."""
    stage = Stage(*rules, backends={"a": {"when_down": "refuse"}, "b": {"then": "refuse"}}, opened=False)
    by(stage, seconds)
    if opened:
        stage.open()
        stage.up(*stage.far)
    return stage


def by(stage: Stage, seconds: float | None) -> None:
    """Put another number of seconds into the route."""
    stage.route = Route("home", "gateway", stage.route.rules, seconds)


MIRROR, SPARE, SPLIT = (one("a", copy=("b",)),), (one("a", "b"),), (one("a", actions=("Boot*",)), one("b"))


@pytest.mark.parametrize("rules", [MIRROR, SPLIT], ids=["mirror", "split"])
def test_a_route_that_lets_go_of_stations_that_nobody_serves(rules: tuple[Rule, ...]) -> None:
    """The station stays while one of its backends is there, be it only told, and is let go when the last has gone."""
    stage = kept(5.0, *rules)
    for gone, there in (("a", "b"), ("b", "a")):
        stage[gone].hangs_up()
        stage.wait(60)
        assert stage[there].backend.up == 1
        assert stage.station.closed is None
        stage.up(gone)
    stage["a"].hangs_up()
    stage.wait(100)
    stage["b"].hangs_up()
    stage.wait(4.5)
    assert stage.station.closed is None
    stage.wait(1)
    assert stage.station.closed == (1001, "No backend is there")
    assert [event.reason for event in stage.events if isinstance(event, StationWent)] == ["No backend is there"]


def test_a_backend_that_is_there_in_time_keeps_the_station_on_such_a_route() -> None:
    """One backend is enough, and the time begins anew with the next loss."""
    stage = kept(5.0, *MIRROR)
    stage["a"].hangs_up()
    for _ in range(3):
        stage["b"].hangs_up()
        stage.wait(4.5)
        stage.up("b")
    stage.wait(60)
    assert stage.station.closed is None


def test_a_spare_is_given_its_time_on_such_a_route() -> None:
    """A spare that was never needed counts as away from the loss of the first, not from the station's beginning."""
    stage = kept(5.0, *SPARE, opened=False)
    stage.open()
    stage.up("a")
    stage.wait(60)
    stage["a"].hangs_up()
    stage.wait(4.5)
    assert stage.station.closed is None
    stage.up("b")
    stage.wait(60)
    assert stage.station.closed is None


def test_a_station_that_comes_while_all_are_away_has_its_time() -> None:
    """Who is let in while nobody is there is kept for as long as the route says, and then let go."""
    stage = kept(5.0, *MIRROR, opened=False)
    stage.wait(60)
    stage.open()
    stage.wait(4.5)
    assert stage.station.closed is None
    stage.wait(1)
    assert stage.station.closed == (1001, "No backend is there")


@pytest.mark.parametrize(("seconds", "closed"), [(30.0, True), (300.0, False), (None, False)])
def test_a_route_that_changes_while_nobody_is_there(seconds: float | None, closed: bool) -> None:
    """A station that nobody has served for longer than its route says by now is let go at once, and else in time."""
    stage = kept(200.0, *MIRROR)
    stage["a"].hangs_up()
    stage["b"].hangs_up()
    stage.wait(100)
    by(stage, seconds)
    stage.session.follow(stage.plans(), "home", Known(stage))
    stage.wait(0.5)
    assert (stage.station.closed is not None) is closed
    stage.wait(150)
    assert (stage.station.closed is not None) is closed
    stage.wait(60)
    assert (stage.station.closed is not None) is (seconds is not None)


def test_a_route_may_be_more_patient_than_its_backends() -> None:
    """What the route says counts, not how long a call waits: only a call that a backend owes ends the stay before."""
    stage = Stage(one("a"), backends={"a": AWAY}, opened=False)
    by(stage, 100.0)
    stage.open()
    stage.wait(99)
    assert stage.station.closed is None
    stage.wait(2)
    assert stage.station.closed == (1001, "No backend is there")


def test_looking_for_backends_fills_no_memory() -> None:
    """However often an absent backend is dialled, few wakes are in the wheel."""
    stage = Stage(one("a"), backends={"a": {"when_down": "refuse", "retry": Retry(first=1.0, longest=1.0)}})
    for _ in range(300):
        stage["a"].refuses()
        stage.wait(1.2)
    assert len(stage.wheel) <= 3
