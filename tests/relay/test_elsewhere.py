"""What another process did with a station: who has it back knows that, and takes nothing back of what it did itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.relay.stage import Stage, one, playing
from voltgate.ocpp.ids import Token
from voltgate.relay.journal import UNKNOWN
from voltgate.relay.ledger import Ledger
from voltgate.relay.records import OwedRecord, TransactionRecord
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


def test_what_is_known_of_the_station() -> None:
    """What was noted last counts, wherever that was."""
    stage = playing("a", "b")
    here = elsewhere(stage)
    here.note("boot", "old")
    stage.wait(1)
    stage.session.ledger.note("boot", "new")
    here.read(stage.store.page("cp-1"))
    assert here.fact("boot") == "new"


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
    stage.station.sends(2, "n", "MeterValues", {"connectorId": 1, "transactionId": 4711})
    stage["a"].gets()
    assert stage.station.closed == (1013, "The database is away: nobody knows what runs here")
