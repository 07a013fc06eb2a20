"""1.6: a start that is said twice is one session; two sessions that look alike are two."""

from __future__ import annotations

from tests.relay.policies.test_offline import known, says
from tests.relay.policies.test_transactions_16 import ACCEPTED, START, split, starts, told
from tests.relay.stage import Stage, one
from voltgate.relay.records import OwedRecord, TransactionRecord


def test_a_clock_that_stands() -> None:
    """The same card charges a second time at a station whose clock stands: its backend hears of a second session."""
    stage = split()
    first = starts(stage, "b", 5)
    told(stage, "a", 40)
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": first, "meterStop": 0})
    stage["b"].gets([2, "x", "StopTransaction", {"transactionId": 5, "meterStop": 0}])
    stage["a"].line.take()
    stage["b"].sends(3, "x", {})
    stage.station.gets([3, "x", {}])
    stage.draw = 0.5
    second = starts(stage, "b", 6, mid="t")
    assert second != first
    assert len(stage.store.of(TransactionRecord)) == 2


def test_a_clock_that_stands_with_one_backend() -> None:
    """With one backend, too, it is asked about each of two sessions that look alike."""
    stage = Stage(one("a"))
    stage.up("a")
    assert starts(stage, "a", 7) == 7
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": 7})
    stage["a"].sends(3, "x", {})
    stage.station.take()
    stage["a"].line.take()
    assert starts(stage, "a", 8, mid="t") == 8


def test_a_start_while_the_stop_of_its_like_is_open() -> None:
    """A session is over for its station as soon as it has said so, answered or not."""
    stage = split(window=2)
    first = starts(stage, "b", 5)
    told(stage, "a", 40)
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": first})
    stage["b"].gets([2, "x", "StopTransaction", {"transactionId": 5}])
    stage.draw = 0.5
    assert starts(stage, "b", 6, mid="t") != first
    stage["b"].sends(3, "x", {})
    stage.station.gets([3, "x", {}])
    assert [tx.numbers["b"] for tx in stage.session.ledger.running.values()] == [6]


def test_a_start_after_a_stop_that_was_refused_and_a_restart() -> None:
    """That a station has said the end of a session is on record, also when its owner answered with an error."""
    stage = split()
    first = starts(stage, "b", 5)
    told(stage, "a", 40)
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": first})
    stage["b"].sends(4, "x", "InternalError", "", {})
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("b", "a")
    stage.draw = 0.5
    assert starts(stage, "b", 6, mid="t") != first


def test_two_sessions_that_look_alike_while_their_backend_is_away() -> None:
    """The stand-in gives each of them a number, and the backend is owed both, whole."""
    stage = known()
    first = says(stage, "StartTransaction", START)["transactionId"]
    assert says(stage, "StartTransaction", START, "again")["transactionId"] == first
    says(stage, "StopTransaction", {"transactionId": first, "meterStop": 0}, "x")
    stage.draw = 0.5
    second = says(stage, "StartTransaction", START, "t")["transactionId"]
    says(stage, "StopTransaction", {"transactionId": second, "meterStop": 9}, "y")
    assert second != first
    assert [record.action for record in stage.store.of(OwedRecord)] == ["StartTransaction", "StopTransaction"] * 2


def test_a_start_that_comes_again_after_the_next_one() -> None:
    """A session that ended because the next began on its connector answers no start any more."""
    stage = split()
    first = starts(stage, "b", 5)
    stage.draw = 0.5
    starts(stage, "b", 6, START | {"timestamp": "later"}, "t")
    stage["b"].line.take()
    stage.draw = 0.7
    assert starts(stage, "b", 7, mid="u") != first


def test_a_start_that_comes_again_while_it_runs() -> None:
    """A start that comes again is answered the same as long as its session runs, also after a restart."""
    stage = split()
    number = starts(stage, "b", 5)
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("b", "a")
    stage.station.sends(2, "again", "StartTransaction", START)
    stage["b"].gets()
    stage.station.gets([3, "again", {"transactionId": number, "idTagInfo": ACCEPTED}])


def test_a_start_that_comes_again_while_the_database_is_away() -> None:
    """With one backend a start that comes again is answered as the first time: nothing about it needs the disk."""
    stage = Stage(one("a"))
    stage.up("a")
    stage.store.slow = True
    number = starts(stage, "a", 7)
    stage.station.sends(2, "again", "StartTransaction", START)
    stage.station.gets([3, "again", {"transactionId": number, "idTagInfo": ACCEPTED}])
    stage.store.slow, stage.store.broken = False, True
    stage.station.sends(2, "more", "StartTransaction", START)
    stage.station.gets([3, "more", {"transactionId": number, "idTagInfo": ACCEPTED}])
    stage["a"].gets()


def test_a_start_that_was_stood_in_for_comes_again_while_the_database_is_away() -> None:
    """A number of ours that is not on disk is promised to nobody, however often it is asked for."""
    stage = known()
    stage.store.slow = True
    for mid in ("s", "again"):
        stage.station.sends(2, mid, "StartTransaction", START)
    stage.station.gets()
    stage.store.broken = True
    stage.store.writes()
    stage.station.gets()
    assert stage.station.closed == (1013, "This cannot be written down now: keep it and come again")
