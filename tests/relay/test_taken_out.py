"""What no test missed when it was taken out: transcripts that need it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.relay.calls import BEAT
from tests.relay.policies.test_commands import asks
from tests.relay.policies.test_numbers_kept import LIMITS, RESERVE
from tests.relay.policies.test_transactions_16 import split as by_card
from tests.relay.stage import Stage, one, playing
from tests.relay.test_catching_up import AVAILABLE, owes, split, stop
from tests.relay.test_comes_again import START, event
from voltgate.relay import journal
from voltgate.relay.backend import Retry
from voltgate.relay.events import LegDown
from voltgate.relay.journal import JournalSettings

# Whose a transaction is while its owner is not configured.


def without(stage: Stage, name: str, *rules: Any) -> None:
    """Take a backend out of the configuration."""
    stage.unknown.add(name)
    stage.moves(*rules)


def test_an_owner_that_is_configured_again_goes_on() -> None:
    """What waited for another while the owner was not configured is that one's to answer, and nothing more."""
    stage = playing("a", version="ocpp2.0.1")
    stage.station.sends(2, "0", "TransactionEvent", event("Started", 0, idToken={"idToken": "77", "type": "Local"}))
    stage["a"].sends(3, "0", {})
    without(stage, "a", one("b"))
    stage.station.sends(2, "1", "TransactionEvent", event("Updated", 1))
    stage.unknown.clear()
    stage.moves(one("b"), name="again")
    stage.up("b")
    assert [message[1] for message in stage["b"].line.take()] == ["1"]
    stage["b"].sends(3, "1", {})
    stage.station.sends(2, "2", "TransactionEvent", event("Ended", 2))
    stage["b"].gets()
    stage.up("a")
    assert [message[1] for message in stage["a"].line.take()] == ["2"]


def test_a_start_belongs_to_whom_it_is_sent() -> None:
    """A start that waited for another while its owner was not configured is that one's, in whose number it ends."""
    stage = Stage(one("a"))
    stage.station.sends(2, "s", "StartTransaction", START)
    without(stage, "a", one("b"))
    stage.station.hangs_up()
    for far in stage.far.values():
        far.dials.clear()
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.station.sends(2, "t", "StartTransaction", START)
    stage.unknown.clear()
    stage.moves(one("b"), name="again")
    stage.up("b")
    stage["b"].gets([2, "t", "StartTransaction", START])
    stage["b"].sends(3, "t", {"transactionId": 5})
    ((_, _, answer),) = stage.station.take()
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": answer["transactionId"], "meterStop": 9})
    stage["b"].gets([2, "x", "StopTransaction", {"transactionId": 5, "meterStop": 9}])
    assert not stage["a"].dials, "nobody waits for the one who never heard of it"


# Legs.


def test_a_start_goes_to_the_other_that_its_plan_names() -> None:
    """A start that waits for a backend which is taken out, and that another may answer as well, is the other's."""
    stage = Stage(one("a", "b"))
    stage.station.sends(2, "s", "StartTransaction", START)
    without(stage, "a", one("b"))
    stage["a"].accepts().gets()
    stage.up("b")
    stage["b"].gets([2, "s", "StartTransaction", START])


def test_what_is_owed_lets_nobody_wait_longer_for_the_link() -> None:
    """A call waits for a backend that is away as long as its `wait` says, whatever that is owed."""
    stage = split()
    stage["a"].hangs_up()
    owes(stage, "a", stop())
    stage.session.legs["a"].deliver()
    stage.station.sends(2, "1", "StatusNotification", AVAILABLE)
    stage.wait(9.5)
    assert stage.station.closed is None
    stage.wait(1)
    assert stage.station.closed == (1001, "Backend a is away")


def test_a_leg_that_was_let_go_does_not_pause_the_station() -> None:
    """A backend that does not read its former link any more is no reason not to read the station."""
    stage = playing("a")
    old = stage["a"]
    stage.station.sends(*BEAT)
    stage.replaces("a", window=3)
    stage.moves(one("a"))
    stage.up("a")
    old.line.is_full()
    assert stage.station.pauses == 0


def test_a_leg_that_was_let_go_is_not_dialled_however_soon() -> None:
    """A leg that only waits for an answer is not dialled again when its link is lost, not even at once."""
    stage = playing("a", backends={"a": {"retry": Retry(first=0.05)}})
    old = stage["a"]
    stage.station.sends(*BEAT)
    stage.replaces("a", window=3)
    stage.moves(one("a"))
    stage.up("a")
    old.hangs_up()
    stage.wait(1)
    assert old.dialled == 1
    assert [event.retry for event in stage.happened(LegDown)] == [None]


def test_a_start_waits_for_nothing_that_a_leg_does_not_deliver_any_more() -> None:
    """What is left to a backend that was taken out goes to it although it is owed more: it gets that later."""
    stage = playing("a", backends={"a": {"window": 1}})
    stage.station.sends(*BEAT)
    stage.station.sends(2, "2", "Heartbeat", {})
    owes(stage, "a", stop())
    stage.session.legs["a"].deliver()
    stage.station.sends(2, "s", "StartTransaction", START)
    without(stage, "a", one("b"))
    stage["a"].gets([*BEAT])
    stage["a"].sends(3, "1", {})
    stage["a"].gets([2, "s", "StartTransaction", START])


def test_nothing_is_pumped_while_nothing_waits() -> None:
    """What is asked and answered while nothing waits is not held up by a look at what waits."""
    stage = playing("a", backends={"a": {"window": 1}})
    leg = stage.session.legs["a"]
    stage.station.sends(*BEAT)
    stage.station.sends(2, "2", "Heartbeat", {})
    assert leg.turns.feeder is leg
    stage["a"].sends(3, "1", {})
    stage["a"].sends(3, "2", {})
    assert leg.turns.feeder is None


def test_who_asks_does_not_wait_for_the_number_of_another() -> None:
    """A card is not kept waiting by a copy of a stop that cannot be told before its start was numbered."""
    stage = by_card()
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["a"].sends(3, "s", {"transactionId": 5})
    ((_, _, started),) = stage.station.take()
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": started["transactionId"], "meterStop": 9})
    stage["b"].gets([2, "s", "StartTransaction", START])
    stage.station.sends(2, "1", "Authorize", {"idTag": "04EM1"})
    stage["b"].gets([2, "1", "Authorize", {"idTag": "04EM1"}])


# The book of a station.


def test_numbers_of_two_make_a_book_that_is_not_blank() -> None:
    """Who is left of two backends, and has a number of ours at the station, is not served from an empty book."""
    stage = by_card(backends={"a": LIMITS, "b": LIMITS})
    for name in ("b", "a"):
        asks(stage, name, "ReserveNow", RESERVE)
    stage.moves(one("a"))
    assert not stage.session.ledger.blank


def test_what_is_answered_when_the_station_has_gone_outlives_the_process() -> None:
    """An event that was answered after its station had gone is answered again from the ledger, after a restart."""
    stage = playing("a", version="ocpp2.0.1")
    for seq, kind in enumerate(("Started", "Updated")):
        stage.station.sends(2, str(seq), "TransactionEvent", event(kind, seq))
        if seq:
            stage.station.hangs_up()
        stage["a"].sends(3, str(seq), {"totalCost": seq})
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("a")
    stage.station.sends(2, "again", "TransactionEvent", event("Updated", 1))
    stage["a"].gets()
    stage.station.gets([3, "again", {"totalCost": 1}])


# How often a message is tried.


def test_who_leaves_the_line_uses_no_turn() -> None:
    """A backend that was away when the turn of a message came gets that at once when it is back."""
    stage = split(journal=JournalSettings(rate=0.1))
    owes(stage, "a", stop(1, "x"), stop(2, "y"))
    stage.session.legs["a"].deliver(late=True)
    stage["a"].line.take()
    stage["a"].sends(3, "x", {})
    stage["a"].gets()
    stage["a"].hangs_up()
    stage.wait(11)
    stage.up("a")
    stage["a"].gets([2, "y", "StopTransaction", {"transactionId": 2, "meterStop": 9}])


def waits(stage: Stage, seconds: int, *, answers: bool) -> list[float]:
    """Have a backend answer what it is owed with errors, or not at all; give the times between two tries."""
    at: list[float] = []
    for _ in range(seconds // 5):
        for message in stage["a"].line.take():
            at.append(stage.now)
            if answers:
                stage["a"].sends(4, message[1], "InternalError", "", {})
        stage.wait(5)
    return [after - before for before, after in itertools.pairwise(at)]


def test_a_backend_with_errors_is_tried_each_minute() -> None:
    """A stop that was answered with errors for an hour is delivered within a minute once that is over."""
    stage = split()
    owes(stage, "a", stop())
    stage.session.legs["a"].deliver(late=True)
    assert 50 < max(waits(stage, 3 * 3600, answers=True)) < 70


def test_a_silent_backend_is_tried_each_hour() -> None:
    """A stop that was not answered for a day is delivered within an hour once that is over."""
    stage = split(backend_patience=5)
    owes(stage, "a", stop())
    stage.session.legs["a"].deliver(late=True)
    assert 3500 < max(waits(stage, 24 * 3600, answers=False)) < 3620


def test_what_cannot_stand_back_is_tried_each_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that is never answered and keeps all others waiting is tried more often than one that stands back."""
    monkeypatch.setattr(journal, "MOST_ASIDE", 0)
    stage = split(backend_patience=5)
    owes(stage, "a", stop())
    stage.session.legs["a"].deliver(late=True)
    assert 50 < max(waits(stage, 3600, answers=False)) < 75
