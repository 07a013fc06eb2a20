"""Stations that have gone: what is still held of them when they come again."""

from __future__ import annotations

import pytest

from tests.relay.stage import Stage, playing
from tests.relay.test_comes_again import START, STOP, charging, sessions
from voltgate import departed
from voltgate.departed import Departed
from voltgate.ocpp.messages import Call
from voltgate.relay.records import TransactionRecord


def gone(stage: Stage) -> Departed:
    """Have the station go, and note it."""
    mine = Departed(lambda: stage.now)
    stage.station.hangs_up()
    mine.add(stage.session)
    return mine


def test_a_page_that_was_read_before_the_last_words() -> None:
    """Whose page was read before it had gone, or not at all, goes on with the ledger that is in memory."""
    stage = playing("a")
    mine, ledger = gone(stage), stage.session.ledger
    assert mine.knows("cp-1")
    assert mine.ledger("cp-1", stage.now) is ledger
    assert mine.ledger("cp-1", None) is ledger
    assert mine.ledger("cp-1", stage.now + 1) is None
    assert mine.lingering("cp-1") is None
    assert mine.ledger("cp-2", None) is None


def test_what_is_still_to_be_answered() -> None:
    """As long as a backend may still answer, the session is here, and its ledger counts whenever the page was read."""
    stage = playing("a")
    charging(stage)
    stage.station.sends(2, "x", "StopTransaction", STOP)
    mine = gone(stage)
    assert mine.lingering("cp-1") is stage.session
    assert mine.ledger("cp-1", stage.now + 29) is stage.session.ledger
    stage.wait(31)
    assert mine.lingering("cp-1") is None
    assert mine.ledger("cp-1", stage.now) is None


def test_of_whom_nothing_is_on_record() -> None:
    """Numbers of messages go on behind the last one; of whom something came on record since, nothing is known."""
    stage = playing("a")
    stage.session.ledger.owe("a", Call("x", "StopTransaction", b"{}"), None)
    stage.session.legs["a"].deliver()
    stage["a"].sends(3, "x", {})
    mine = gone(stage)
    assert (mine.last_owed("cp-1"), mine.last_owed("cp-2")) == (stage.session.ledger.journal.last, None)
    stage.session.ledger.owe("a", Call("y", "StopTransaction", b"{}"), None)
    mine.add(stage.session)
    assert mine.last_owed("cp-1") is None


def test_one_that_is_another_gateways() -> None:
    """Nothing of it is held; what a backend still answers to its former session is written nowhere."""
    stage = playing("a", "b")
    stage.station.sends(2, "s", "StartTransaction", START)
    mine, before = gone(stage), stage.store.of(TransactionRecord)
    mine.forget("cp-1")
    assert not mine.knows("cp-1")
    stage["a"].sends(3, "s", {"transactionId": 5})
    assert stage.store.of(TransactionRecord) == before
    mine.forget("cp-1")


def test_only_so_many_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """The station that went first is forgotten first; one that has gone again counts as gone last."""
    monkeypatch.setattr(departed, "_REMEMBERED", 2)
    monkeypatch.setattr(departed, "_BLANK", 2)
    stage = playing("a")
    mine = gone(stage)
    for key in ("cp-2", "cp-1", "cp-3"):
        stage.wait(0.1)
        stage.session.key = key
        mine.add(stage.session)
    assert [mine.knows(key) for key in ("cp-1", "cp-2", "cp-3")] == [True, False, True]
    assert [mine.last_owed(key) for key in ("cp-1", "cp-2", "cp-3")] == [0, None, 0]


def test_a_session_is_not_held_longer_than_it_lingers() -> None:
    """When another station goes, sessions that nothing is waited for any more are let go; their ledgers stay."""
    stage = playing("a")
    charging(stage)
    stage.station.sends(2, "x", "StopTransaction", STOP)
    mine = gone(stage)
    before = sessions()
    stage.wait(31)
    other, _ = stage.newcomer()
    other.key = "cp-2"
    mine.add(other)
    del stage.session, stage.station
    stage.ended.clear()
    stage.far["a"].line.receiver = None
    assert sessions() == before  # the other one has come, and the first has gone
    assert mine.knows("cp-1")
