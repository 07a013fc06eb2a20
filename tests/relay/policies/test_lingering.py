"""Transactions whose end never came, or was not taken: they are in nobody's way for ever, and find their owner."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.relay.policies.test_transactions_2x import EMPLOYEE, GUEST, event, happens
from tests.relay.policies.test_transactions_2x import split as split_2x
from tests.relay.policies.test_transactions_16 import OTHER, START, split, starts, told
from tests.relay.stage import Stage
from voltgate.relay.ledger import LedgerSettings
from voltgate.relay.permit import CHARGE, Permit
from voltgate.relay.records import TransactionRecord

OWN = {"permit": Permit("own", ("*",))}
"""May ask everything, and ends nobody else's transaction."""
A_DAY = 86400.0


def may_unlock(stage: Stage, name: str, connector: int = 1) -> bool:
    """Have a backend ask for a connector to be unlocked, and tell whether the station hears of it."""
    stage[name].line.take()
    place = {"connectorId": connector} if stage.session.dialect.version == "ocpp1.6" else {"evseId": connector}
    stage[name].sends(2, "q", "UnlockConnector", {"connectorId": 1, **place})
    sent = stage.station.take()
    if sent:
        stage.station.sends(3, sent[0][1], {"status": "Unlocked"})
    stage[name].line.take()
    return bool(sent)


def later(stage: Stage, seconds: float) -> None:
    """Let a long time pass at once."""
    stage.now += seconds


def runs(**settings: Any) -> tuple[Stage, int]:
    """Make a stage where a session of `b` runs on connector 1, and give its number."""
    stage = split(backends={"a": OWN, "b": OWN}, **settings)
    number = starts(stage, "b", 5)
    told(stage, "a", 40)
    return stage, number


def test_a_start_that_is_answered_with_an_error() -> None:
    """A session that may never have begun is its owner's for ten minutes; after that the others reset and unlock."""
    stage = split(backends={"a": OWN, "b": OWN})
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["b"].sends(4, "s", "InternalError", "", {})
    assert stage.station.take()[0][0] == 4
    assert not may_unlock(stage, "a")
    later(stage, 599)
    assert not may_unlock(stage, "a")
    later(stage, 2)
    assert may_unlock(stage, "a")
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": -1})
    assert stage["b"].line.take()[-1] == [2, "x", "StopTransaction", {"transactionId": -1}]


def test_a_stop_that_is_answered_with_an_error() -> None:
    """A session whose station has said its end counts for ten minutes more; a stop that is repeated finds its owner."""
    stage, number = runs()
    stop = {"transactionId": number, "meterStop": 9}
    stage.station.sends(2, "x", "StopTransaction", stop)
    stage["b"].line.take()
    stage["b"].sends(4, "x", "InternalError", "", {})
    stage.station.take()
    later(stage, 599)
    assert not may_unlock(stage, "a")
    stage.station.sends(2, "y", "StopTransaction", stop)
    stage["b"].gets([2, "y", "StopTransaction", stop | {"transactionId": 5}])
    stage["b"].sends(4, "y", "InternalError", "", {})
    stage.station.take()
    later(stage, 599)
    assert not may_unlock(stage, "a"), "it was heard of again"
    later(stage, 2)
    assert may_unlock(stage, "a")
    later(stage, 30 * A_DAY)
    stage.station.sends(2, "z", "StopTransaction", stop)
    stage["b"].gets([2, "z", "StopTransaction", stop | {"transactionId": 5}])


def test_a_session_that_nothing_is_heard_of() -> None:
    """A session whose stop got lost counts for a day after its last word, restart or not, and again once heard."""
    stage, number = runs()
    for _ in range(3):
        later(stage, 20 * 3600)
        stage.station.sends(2, "m", "MeterValues", {"connectorId": 1, "transactionId": number})
        stage["b"].sends(3, "m", {})
        stage["a"].sends(3, "m", {})
        stage.station.take()
        assert not may_unlock(stage, "a")
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("b", "a")
    later(stage, A_DAY - 60)
    assert not may_unlock(stage, "a")
    later(stage, 120)
    assert may_unlock(stage, "a")
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1, "transactionId": number})
    assert not may_unlock(stage, "a"), "it runs after all"


def test_how_long_silence_may_last_is_a_setting() -> None:
    """`ledger.silence` is how long a session that nothing is heard of is believed to run."""
    stage, _ = runs(ledger=LedgerSettings(silence=7200.0))
    later(stage, 7199)
    assert not may_unlock(stage, "a")
    later(stage, 2)
    assert may_unlock(stage, "a")


def test_what_does_not_count_owns_nothing_else() -> None:
    """A connector whose session nothing is heard of is nobody's: the rules say who answers for it, who limits it."""
    stage = split(backends={"a": {"permit": CHARGE}, "b": {"permit": CHARGE}})
    starts(stage, "b", 5)
    told(stage, "a", 40)
    news = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
    limit = {"connectorId": 1, "csChargingProfiles": {"chargingProfileId": 1, "chargingProfilePurpose": "TxProfile"}}
    for owner, passes in (("b", True), ("a", False)):
        stage.station.sends(2, "n", "StatusNotification", news)
        stage["b"].sends(3, "n", {"by": "b"})
        stage["a"].sends(3, "n", {"by": "a"})
        stage.station.gets([3, "n", {"by": owner}])
        stage["b"].sends(2, "l", "SetChargingProfile", limit)
        assert bool(stage.station.take()) is passes
        later(stage, A_DAY + 1)


def test_words_of_a_session_are_written_down_once_an_hour() -> None:
    """Meter values do not cost a commit each."""
    stage, number = runs()
    written = []
    stage.store.put = written.append  # type: ignore[method-assign]
    for n in range(120):
        later(stage, 60)
        stage.station.sends(2, f"m{n}", "MeterValues", {"connectorId": 1, "transactionId": number})
        stage["b"].sends(3, f"m{n}", {})
        stage["a"].sends(3, f"m{n}", {})
    assert len(written) == 2


def test_the_calendar_is_set() -> None:
    """A calendar that is set back begins to count anew; one that is set ahead takes away no owner and no number."""
    stage, number = runs()
    later(stage, -365 * A_DAY)
    assert not may_unlock(stage, "a")
    later(stage, A_DAY - 1)
    assert not may_unlock(stage, "a")
    later(stage, 2)
    assert may_unlock(stage, "a")
    later(stage, 700 * A_DAY)
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": number})
    stage["b"].gets([2, "x", "StopTransaction", {"transactionId": 5}])
    stage["a"].gets([2, "x", "StopTransaction", {"transactionId": 40}])


def test_an_old_record() -> None:
    """A transaction that was written down by an older version was last heard of when it began."""
    stage, number = runs()
    (record,) = stage.store.of(TransactionRecord)
    data = json.loads(record.data)
    for name in ("heard_at", "over", "failed"):
        del data[name]
    stage.store.put(replace(record, data=json.dumps(data).encode()))
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("b", "a")
    assert not may_unlock(stage, "a")
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": number})
    stage["b"].gets([2, "x", "StopTransaction", {"transactionId": 5}])


def test_the_next_start_ends_all_before_it() -> None:
    """A start ends what is left on its connector, however many sessions that are; others run on."""
    stage = split(backends={"a": OWN, "b": OWN})
    for mid in ("1", "2"):
        stage.station.sends(2, mid, "StartTransaction", START | {"timestamp": mid})
        stage["b"].line.take()
        stage["b"].sends(4, mid, "InternalError", "", {})
    stage["a"].line.take()
    stage.station.take()
    starts(stage, "a", 9, OTHER, "o")
    stage["b"].line.take()
    starts(stage, "b", 5, START | {"timestamp": "3"}, "3")
    assert [tx.connector for tx in stage.session.ledger.running.values()] == [2, 1]


# 2.x.


def test_an_end_that_got_lost() -> None:
    """In 2.x, too, another transaction that starts at an EVSE ends the one before; one elsewhere does not."""
    stage = split_2x(backends={"a": OWN, "b": OWN})
    happens(stage, "1", event("Started", 0, idToken=EMPLOYEE), "b", "c")
    happens(stage, "2", event("Started", 0, "T2", 2, idToken=GUEST), "a", "c")
    assert not may_unlock(stage, "a")
    happens(stage, "3", event("Started", 0, "T3", 1, idToken=GUEST), "a", "c")
    assert may_unlock(stage, "a")
    assert not may_unlock(stage, "b", 2)
    late = event("Ended", 1)
    happens(stage, "4", late, "b", "c")


def test_a_start_that_was_said_offline_ends_nothing() -> None:
    """What the station says late may be older than what runs: it ends nothing. Nor does a start without an EVSE."""
    stage = split_2x(backends={"a": OWN, "b": OWN})
    happens(stage, "1", event("Started", 0, idToken=EMPLOYEE), "b", "c")
    happens(stage, "2", event("Started", 0, "T0", 1, idToken=GUEST, offline=True), "a", "c")
    happens(stage, "3", event("Ended", 1, "T0", 1, offline=True), "a", "c")
    happens(stage, "4", event("Started", 0, "T2", None, idToken=GUEST), "a", "c")
    assert not may_unlock(stage, "a")


def test_what_has_no_owner_yet_is_not_ended_by_the_next() -> None:
    """Events that are kept for an owner who is not known yet are kept for it, whatever begins meanwhile."""
    stage = split_2x()
    happens(stage, "1", event("Started", 0), "a", "c")
    happens(stage, "2", event("Started", 0, "T2", idToken=GUEST), "a", "c")
    stage.station.sends(2, "3", "TransactionEvent", event("Ended", 1, idToken=EMPLOYEE))
    stage["b"].gets([2, "1", "TransactionEvent", event("Started", 0)])


@pytest.mark.parametrize(("kind", "seconds"), [("Started", 600), ("Ended", 600), ("Updated", A_DAY)])
def test_an_event_that_is_answered_with_an_error(kind: str, seconds: float) -> None:
    """A start or an end that was answered with an error holds the EVSE for ten minutes, any other event for a day."""
    stage = split_2x(backends={"a": OWN, "b": OWN})
    if kind != "Started":
        happens(stage, "1", event("Started", 0, idToken=EMPLOYEE), "b", "c")
    stage.station.sends(2, "2", "TransactionEvent", event(kind, 1, idToken=EMPLOYEE))
    stage["b"].line.take()
    stage["b"].sends(4, "2", "InternalError", "", {})
    assert stage.station.take()[0][0] == 4
    stage["c"].line.take()
    stage["c"].sends(3, "2", {})
    later(stage, seconds - 1)
    assert not may_unlock(stage, "a")
    later(stage, 2)
    assert may_unlock(stage, "a")
    happens(stage, "3", event("Updated", 2), "b", "c")
    assert may_unlock(stage, "a") is False


def test_an_end_that_nobody_answered() -> None:
    """An end that the station has said once, and then lost, holds the EVSE for ten minutes."""
    stage = split_2x(backends={"a": OWN, "b": OWN})
    happens(stage, "1", event("Started", 0, idToken=EMPLOYEE), "b", "c")
    stage.station.sends(2, "2", "TransactionEvent", event("Ended", 1))
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("b", "c", "a")
    assert not may_unlock(stage, "a")
    later(stage, 601)
    assert may_unlock(stage, "a")


# A stop of what nobody has numbered.


def test_a_stop_without_number_is_that_of_the_last_start() -> None:
    """A stop with -1 is not that of a session of long ago whose start came to nothing, and whose stop never came."""
    stage = split(backends={"a": OWN, "b": OWN})
    for mid, start, owner in (("1", START, "b"), ("2", OTHER, "a")):
        stage.station.sends(2, mid, "StartTransaction", start)
        stage[owner].sends(4, mid, "InternalError", "", {})
        stage.station.take()
        later(stage, 30 * A_DAY)
    stage["a"].line.take()
    stage["b"].line.take()
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": -1, "idTag": "other card"})
    stage["a"].gets([2, "x", "StopTransaction", {"transactionId": -1, "idTag": "other card"}])
    stage["b"].gets()


@pytest.mark.parametrize("stops", [(("x", "04ema", "b"), ("y", "77", "a")), (("y", "77", "a"), ("x", "04ema", "b"))])
def test_a_stop_without_number_is_that_of_its_card(stops: tuple[tuple[str, str, str], ...]) -> None:
    """Of two sessions that nobody has numbered, a stop with -1 is that of the card which began it."""
    stage = split(backends={"a": OWN, "b": OWN})
    for mid, start, owner in (("1", START, "b"), ("2", OTHER, "a")):
        stage.station.sends(2, mid, "StartTransaction", start)
        stage[owner].sends(4, mid, "InternalError", "", {})
        stage.station.take()
    stage["a"].line.take()
    stage["b"].line.take()
    for mid, tag, owner in stops:
        stage.station.sends(2, mid, "StopTransaction", {"transactionId": -1, "idTag": tag})
        stage[owner].gets([2, mid, "StopTransaction", {"transactionId": -1, "idTag": tag}])
        stage[owner].sends(3, mid, {})
        stage.station.gets([3, mid, {}])
    assert not stage.session.ledger.running
