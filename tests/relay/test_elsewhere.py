"""What another process did with a station: who has it back knows that, and takes nothing back of what it did itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.relay.stage import Stage, one, playing
from voltgate.ocpp.ids import Token
from voltgate.relay.journal import UNKNOWN
from voltgate.relay.ledger import Ledger, LedgerSettings
from voltgate.relay.records import Elsewhere, OwedRecord, TransactionRecord
from voltgate.relay.rule import Rule
from voltgate.relay.tokens import listed

START = {"connectorId": 1, "idTag": "77", "timestamp": "t", "meterStart": 0}
EMPLOYEE = {"idToken": "04EMA", "type": "ISO14443"}


def event(kind: str, seq: int, **more: Any) -> dict[str, Any]:
    """Write an event of 2.x."""
    return {"eventType": kind, "seqNo": seq, "transactionInfo": {"transactionId": "T1"}, **more}


def elsewhere(stage: Stage) -> Ledger:
    """Have the station go on in another process, which reads what is on record; give the ledger that stays behind."""
    here = stage.session.ledger
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up(*(name for name in stage.far if stage.far[name].dials))
    return here


def back(stage: Stage, here: Ledger) -> None:
    """Have it come back to the one that had it before."""
    here.read(stage.store.page("cp-1"))
    stage.session, stage.station = stage.newcomer(here)
    stage.open()
    stage.up(*(name for name in stage.far if stage.far[name].dials))


def test_a_start_that_was_answered_elsewhere() -> None:
    """The station says it again, and has the number that it was given there."""
    stage = playing("a", "b")
    stage.station.sends(2, "s", "StartTransaction", START)
    stage.station.hangs_up()
    here = elsewhere(stage)
    stage["a"].line.take()
    stage.station.sends(2, "s2", "StartTransaction", START)
    stage["a"].sends(3, "s2", {"transactionId": 5})
    ((*_, given),) = stage.station.take()
    back(stage, here)
    stage["a"].line.take()
    stage.station.sends(2, "s3", "StartTransaction", START)
    stage["a"].gets()
    stage.station.gets([3, "s3", given])
    stage.station.sends(2, "e", "StopTransaction", given | {"meterStop": 9})
    stage["a"].gets([2, "e", "StopTransaction", {"transactionId": 5, "meterStop": 9}])


def test_a_start_that_two_processes_entered() -> None:
    """Said again where the first answer could not be written, and answered there, it is answered so from then on."""
    stage = playing("a", "b")
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["a"].line.take()
    unanswered = [*stage.store.of(TransactionRecord)]
    stage.station.hangs_up()
    stage.store.records.clear()
    elsewhere(stage)
    stage.station.sends(2, "s2", "StartTransaction", START)
    stage["a"].sends(3, "s2", {"transactionId": 5})
    ((*_, given),) = stage.station.take()
    for record in unanswered:
        stage.store.put(record)
    elsewhere(stage)
    stage["a"].line.take()
    stage.station.sends(2, "s3", "StartTransaction", START)
    stage["a"].gets()
    stage.station.gets([3, "s3", given])
    assert len(stage.session.ledger.running) == 1


def test_a_start_that_is_answered_here_and_elsewhere() -> None:
    """Both answers mean one number, whichever comes last: it was on record before the start was sent."""
    stage = playing("a", "b")
    before = stage["a"].line
    stage.station.sends(2, "s", "StartTransaction", START)
    here = elsewhere(stage)
    stage["a"].line.take()
    stage.station.sends(2, "s2", "StartTransaction", START)
    stage["a"].sends(3, "s2", {"transactionId": 5})
    ((*_, given),) = stage.station.take()
    before.sends(3, "s", {"transactionId": 5})
    back(stage, here)
    stage["a"].line.take()
    stage.station.sends(2, "e", "StopTransaction", given | {"meterStop": 9})
    stage["a"].gets([2, "e", "StopTransaction", {"transactionId": 5, "meterStop": 9}])


def test_an_answer_that_comes_after_that() -> None:
    """What a session of before hears late is not written over what another gateway has learnt, nor promised."""
    stage = playing("a", "b")
    stage.station.sends(2, "s", "StartTransaction", START)
    before = stage.store.of(TransactionRecord)
    stage.session.ledger.store = Elsewhere()
    stage["a"].sends(3, "s", {"transactionId": 5})
    stage.station.gets()
    assert stage.store.of(TransactionRecord) == before


def test_a_transaction_that_ended_elsewhere() -> None:
    """It runs no more, and what its owner has answered there is answered again."""
    stage = playing("a", "b")
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["a"].sends(3, "s", {"transactionId": 5})
    ((*_, given),) = stage.station.take()
    here = elsewhere(stage)
    stop = given | {"meterStop": 9}
    stage.station.sends(2, "e", "StopTransaction", stop)
    stage["a"].sends(3, "e", {"idTagInfo": {"status": "Expired"}})
    assert here.running
    back(stage, here)
    assert not here.running
    stage["a"].line.take()
    stage.station.sends(2, "e2", "StopTransaction", stop)
    stage["a"].gets()
    stage.station.gets([3, "e2", {"idTagInfo": {"status": "Expired"}}])


@pytest.mark.parametrize("read_before", [False, True])
def test_an_owner_that_became_known(read_before: bool) -> None:
    """Who owns a transaction of 2.x since it was elsewhere, or was here when the page was read, gets it all once."""
    stage = Stage(Rule(tokens=listed(["04em*"]), answer=("b",)), one("a"), version="ocpp2.0.1")
    stage.up("b", "a")
    stage.station.sends(2, "1", "TransactionEvent", event("Started", 0))
    stage["a"].sends(3, "1", {})
    page = stage.store.page("cp-1")
    here = stage.session.ledger if read_before else elsewhere(stage)
    stage.station.sends(2, "2", "TransactionEvent", event("Updated", 1, idToken=EMPLOYEE))
    stage["b"].gets([2, "1", "TransactionEvent", event("Started", 0)])
    stage["b"].sends(3, "1", {})
    stage["b"].sends(3, "2", {})
    if read_before:
        here.read(page)
    else:
        back(stage, here)
    assert not here.journal.owes(UNKNOWN)
    stage["b"].line.take()
    stage.station.sends(2, "3", "TransactionEvent", event("Ended", 2))
    stage["b"].gets([2, "3", "TransactionEvent", event("Ended", 2)])
    stage["b"].sends(3, "3", {})
    assert stage.store.of(OwedRecord) == []
    assert not here.journal.owes(UNKNOWN)


def test_who_is_expected() -> None:
    """A session that is expected since elsewhere is known; one that came here since the page was read is not again."""
    stage = playing("a", "b")
    here, there = stage.session.ledger, elsewhere(stage)
    here, there = there, stage.session.ledger
    here.invite("a", Token("77", ""), 1)
    page = stage.store.page("cp-1")
    came = here.invited(Token("77", ""), 1)
    assert came is not None
    here.disinvite(came)
    here.read(page)
    assert here.invited(Token("77", ""), 1) is None
    there.invite("b", Token("78", ""), 1)
    here.read(stage.store.page("cp-1"))
    expected = here.invited(Token("78", ""), 1)
    assert expected is not None
    assert expected.backend == "b"
    here.read(stage.store.page("cp-1"))
    here.disinvite(expected)
    assert here.invited(Token("78", ""), 1) is None, "it was there once"


def test_who_is_expected_here_and_elsewhere() -> None:
    """A session that is expected since elsewhere is known beside those that are expected here."""
    stage = playing("a", "b")
    here = elsewhere(stage)
    here.invite("a", Token("77", ""), 1)
    stage.session.ledger.invite("b", Token("78", ""), 1)
    here.read(stage.store.page("cp-1"))
    expected = [here.invited(Token(tag, ""), 1) for tag in ("77", "78")]
    assert [each and each.backend for each in expected] == ["a", "b"]


def test_numbers_that_were_minted_elsewhere() -> None:
    """What a backend has reserved there is its own here."""
    stage = playing("a", "b")
    here = elsewhere(stage)
    reserve = {"reservationId": 1, "connectorId": 1, "idTag": "77"}
    stage["b"].sends(2, "r", "ReserveNow", reserve)
    stage.station.gets([2, "r", "ReserveNow", reserve])
    stage.station.sends(3, "r", {"status": "Accepted"})
    back(stage, here)
    assert here.numbers.inward("reservation", 1) == ("b", 1)


def test_a_stop_that_was_said_elsewhere() -> None:
    """A start in the words of one whose stop was said there, and not answered yet, is a new one."""
    stage = playing("a", "b")
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["a"].sends(3, "s", {"transactionId": 5})
    ((*_, given),) = stage.station.take()
    here = elsewhere(stage)
    stage.station.sends(2, "e", "StopTransaction", given | {"meterStop": 9})
    stage["a"].sends(4, "e", "InternalError", "", {})
    back(stage, here)
    stage["a"].line.take()
    stage.station.sends(2, "t", "StartTransaction", START)
    stage["a"].gets([2, "t", "StartTransaction", START])


def test_a_session_that_was_heard_of_elsewhere() -> None:
    """A transaction of which the station has spoken there lately is believed to run here."""
    stage = playing("a", "b", ledger=LedgerSettings(silence=1200))
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["a"].sends(3, "s", {"transactionId": 5})
    ((*_, given),) = stage.station.take()
    here = elsewhere(stage)
    stage.wait(1000)
    stage.station.sends(2, "m", "MeterValues", given | {"connectorId": 1})
    stage.wait(500)
    back(stage, here)
    assert here.counting()


def test_a_name_that_was_given_again_before_an_older_page_is_read() -> None:
    """A name of 2.x stays with the transaction that has it now, whatever the page says."""
    stage = playing("a", version="ocpp2.0.1")
    for n in range(2):
        started = event("Started", 0, timestamp=f"2027-01-15T08:0{n}:00Z")
        stage.station.sends(2, str(n), "TransactionEvent", started)
        stage["a"].sends(3, str(n), {})
        if not n:
            stage.session.ledger.save()
            page = stage.store.page("cp-1")
    stage.session.ledger.read(page)
    assert [tx.id for tx in stage.session.ledger] == ["T1", ""]


def test_what_waits_for_an_owner_that_became_known_elsewhere() -> None:
    """An event for the owner waits for it, and goes to none of those that might have answered before."""
    stage = Stage(Rule(tokens=listed(["04em*"]), answer=("b",)), one("a", "c"), version="ocpp2.0.1")
    stage.station.sends(2, "1", "TransactionEvent", event("Started", 0))
    stage.far["a"].dials.clear()
    stage.far["b"].dials.clear()
    stage.far["c"].dials.clear()
    here = elsewhere(stage)
    stage.station.sends(2, "1", "TransactionEvent", event("Started", 0))
    stage["a"].sends(3, "1", {})
    stage.station.sends(2, "2", "TransactionEvent", event("Updated", 1, idToken=EMPLOYEE))
    stage["b"].sends(3, "1", {})
    stage["b"].sends(3, "2", {})
    back(stage, here)
    stage["a"].hangs_up()
    stage["b"].hangs_up()
    stage.station.sends(2, "3", "TransactionEvent", event("Ended", 2))
    stage.wait(2)
    stage.up("a", "b")
    stage["b"].gets([2, "3", "TransactionEvent", event("Ended", 2)])


def test_two_transactions_of_one_number() -> None:
    """A backend that gives the same number twice has two transactions that run, also when the page is read again."""
    stage = playing("a")
    for n in range(2):
        stage.wait(1)
        stage.station.sends(2, f"s{n}", "StartTransaction", START | {"connectorId": n + 1})
        stage["a"].sends(3, f"s{n}", {"transactionId": 1})
    stage.session.ledger.read(stage.store.page("cp-1"))
    assert len(stage.session.ledger.running) == 2


def test_who_came_elsewhere() -> None:
    """A session that came at another process is expected no more; one that is expected since the page was read is."""
    stage = playing("a", "b")
    here = elsewhere(stage)
    here.invite("a", Token("77", ""), 1)
    here.invite("a", Token("78", ""), 1)
    page = stage.store.page("cp-1")
    stage.wait(1)
    here.invite("a", Token("79", ""), 1)
    left = tuple(each for each in page.invitations if b"77" not in each.data)
    here.read(replace(page, invitations=left, at=stage.ports.wall() - 0.5))
    assert [bool(here.invited(Token(text, ""), 1)) for text in ("77", "78", "79")] == [False, True, True]


def test_what_is_known_of_the_station() -> None:
    """What was noted last counts, wherever that was."""
    stage = playing("a", "b")
    here = elsewhere(stage)
    here.note("boot", "old")
    stage.wait(1)
    stage.session.ledger.note("boot", "new")
    here.read(stage.store.page("cp-1"))
    assert here.fact("boot") == "new"


def test_an_owner_that_may_be_known_elsewhere() -> None:
    """While the database is away nobody is told of a transaction of 2.x whose owner may have become known meanwhile."""
    stage = Stage(Rule(tokens=listed(["04em*"]), answer=("b",)), one("a"), version="ocpp2.0.1")
    stage.up("b", "a")
    stage.station.sends(2, "1", "TransactionEvent", event("Started", 0))
    stage["a"].line.take()
    stage["a"].sends(3, "1", {})
    stage.session.ledger.unread = True
    stage.station.sends(2, "2", "TransactionEvent", event("Updated", 1))
    stage["a"].gets()
    assert stage.station.closed == (1013, "The database is away: nobody knows what runs here")


def test_a_memory_that_may_be_old() -> None:
    """While the database is away who shares a station with others takes no number for a backend's that it gave not."""
    stage = playing("a", "b")
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["a"].sends(3, "s", {"transactionId": 5})
    ((*_, given),) = stage.station.take()
    stage["a"].line.take()
    stage.session.ledger.unread = True
    stage.station.sends(2, "m", "MeterValues", given | {"connectorId": 1})
    stage["a"].gets([2, "m", "MeterValues", {"transactionId": 5, "connectorId": 1}])
    stage.station.sends(2, "o", "MeterValues", {"connectorId": 1})
    assert len(stage["a"].line.take()) == 1
    stage.station.sends(2, "n", "MeterValues", {"connectorId": 1, "transactionId": 4711})
    stage["a"].gets()
    assert stage.station.closed == (1013, "The database is away: nobody knows what runs here")


def test_a_memory_that_may_be_old_and_in_which_nothing_runs() -> None:
    """The same where no transaction is known to run."""
    stage = playing("a", "b")
    stage.session.ledger.unread = True
    stage.station.sends(2, "n", "MeterValues", {"connectorId": 1, "transactionId": 4711})
    stage["a"].gets()
    assert stage.station.closed == (1013, "The database is away: nobody knows what runs here")


@pytest.mark.parametrize("names", ["a", "ab"])
def test_a_number_that_nobody_knows(names: str) -> None:
    """An only backend has numbers of its own; of several the station speaks again once what is on record was read."""
    stage = playing(*names)
    stage.session.ledger.unread = True
    if len(names) > 1:
        stage.session.ledger.read(stage.store.page("cp-1"))
    stop = {"transactionId": 4711, "meterStop": 9}
    stage.station.sends(2, "n", "StopTransaction", stop)
    stage["a"].gets([2, "n", "StopTransaction", stop])
    assert stage.station.closed is None


def test_a_start_that_may_have_been_answered_elsewhere() -> None:
    """While the database is away nobody is asked: the station may say it again."""
    stage = playing("a", "b")
    stage.session.ledger.unread = True
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["a"].gets()
    assert stage.station.closed == (1013, "The database is away: nobody knows what runs here")
